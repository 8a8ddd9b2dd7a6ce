"""Choose which SageMaker a command talks to, this machine's or AWS, both by boto3 clients."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.addresses import split_uri
from pipeline.command_line.running import (
    FIRST_RUN,
    FIRST_RUN_ON_AWS,
    add_settings_options,
    add_state_option,
    overrides_of,
)
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.settings.model import Settings


@dataclass(frozen=True)
class Target:
    """A SageMaker to ask. `read` returns the bytes behind an s3:// address; `region` is AWS's."""

    sagemaker: Any
    read: Callable[[str], bytes]
    region: str | None = None

    @property
    def first_run(self) -> str:
        """Return the command that makes and deploys a first model there."""
        return FIRST_RUN_ON_AWS if self.region else FIRST_RUN


def add_target_options(parser: argparse.ArgumentParser) -> None:
    """Add --local and --aws; --state for the one, --region and the settings for the other."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--local", action="store_true", help="on this machine (the default)")
    where.add_argument("--aws", action="store_true", help="on AWS, with your AWS credentials")
    add_state_option(parser)
    add_settings_options(parser.add_argument_group("with --aws"))


def settings_of(options: argparse.Namespace) -> "Settings":
    """Load the settings that the options name; --region replaces theirs."""
    from pipeline.settings.loading import load_settings

    return load_settings(options.settings, options.env, overrides_of(options))


@contextmanager
def open_target(options: argparse.Namespace) -> Iterator[Target]:
    """Open the SageMaker that the options name; its refusals become one-line PipelineErrors.

    Raises UsageError when this machine has no local state yet.
    """
    with readable_errors():
        yield _aws_target(_region(options)) if options.aws else local_target(options.state)


@contextmanager
def readable_errors() -> Iterator[None]:
    """Turn botocore's errors into PipelineErrors that say what to do."""
    from botocore.exceptions import BotoCoreError, ClientError

    from pipeline.aws.errors import explain

    try:
        yield
    except ClientError as error:
        raise explain(error, error.operation_name) from error
    except BotoCoreError as error:
        raise explain(error, "asking SageMaker") from error


def require_state(state: Path) -> None:
    """Raise UsageError when nothing was ever run here; looking must not make a folder.

    Raises StoreError when something was, and its file is gone.
    """
    if not (state / "state.db").is_file():
        from pipeline.local.database import lost
        from pipeline.local.journal import is_kept

        if is_kept(state):
            raise lost(state)
        raise UsageError(f"nothing is in {state} yet: make a first model with: {FIRST_RUN}")


def local_target(state: Path) -> Target:
    """Return this machine's SageMaker, to act on. Raises UsageError without local state."""
    from pipeline.local.service.client import sagemaker_client, service_client
    from pipeline.local.service.server import find_service
    from pipeline.local.store import Store

    require_state(state)
    store = Store(state)
    # A live service hosts the endpoints, so it should hear of what happens to them.
    service = find_service(state)
    client = service_client("sagemaker", service) if service else sagemaker_client(store)
    return Target(client, lambda uri: store.path(uri).read_bytes())


def _region(options: argparse.Namespace) -> str:
    """Return the region of --region, else of the settings, as every command that upserts does."""
    if options.region:
        return str(options.region)
    from pipeline.aws.clients import say_region

    region = settings_of(options).aws.region
    say_region(region)
    return region


def _aws_target(region: str) -> Target:
    import boto3

    session = boto3.Session(region_name=region)

    def read(uri: str) -> bytes:
        bucket, key = split_uri(uri)
        content: bytes = session.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    return Target(session.client("sagemaker"), read, region)
