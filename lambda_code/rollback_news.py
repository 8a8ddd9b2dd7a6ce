"""Tell people of a deployment that SageMaker took back, once; no deployment waits for that."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from deployment_errors import DeployError
from deployment_history import note_told, read_record
from endpoint_calls import goal_of
from news import of_rollback
from telling import Tell


def tell_of_rollback(
    client: Any, tell: Tell | None, endpoint: Mapping[str, Any] | None, config: str | None
) -> DeployError | None:
    """Tell of the configuration that was taken back, unless that was done; None for none.

    Returns the error when nobody could be told: the next event tries it again.
    """
    record = read_record(client, config) if tell and config else None
    if tell is None or endpoint is None or config is None or record is None or record.is_told:
        return None
    is_there = goal_of(endpoint) != config
    before = read_record(client, goal_of(endpoint)) if is_there else None
    news = of_rollback(endpoint, record.package, before.package if before else "")
    try:
        tell(news)
    except (BotoCoreError, ClientError) as error:
        return DeployError(f"nobody could be told that {news.subject}: {error}")
    note_told(client, config)
    return None
