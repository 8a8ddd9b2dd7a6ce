"""AWS without AWS: see aws_support."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.settings.model import Settings
from tests.pipeline.aws.aws_support import REGION, Clock, Cloud, Recorded, settings_for, write_tree


@pytest.fixture(autouse=True)
def an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that open nothing."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


@pytest.fixture
def settings() -> Settings:
    return settings_for()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    made = Cloud()
    yield made
    made.verify()


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    from moto import mock_aws
    from moto.awslambda.models import LambdaFunction
    from moto.sagemaker import models
    from moto.sagemaker.exceptions import ResourceNotFound

    find = models.get_pipeline_from_name  # type: ignore[attr-defined]

    def find_as_aws_does(pipelines: Any, name: str) -> Any:
        # moto answers ValidationException where SageMaker answers ResourceNotFound.
        if name not in pipelines:
            raise ResourceNotFound(message=f"Pipeline '{name}' does not exist.")
        return find(pipelines, name)

    configuration = LambdaFunction.get_configuration

    def configuration_as_aws_has_it(*arguments: Any, **options: Any) -> dict[str, Any]:
        # moto leaves the revision out.
        return {**configuration(*arguments, **options), "RevisionId": "revision-1"}

    monkeypatch.setattr(models, "get_pipeline_from_name", find_as_aws_does)
    monkeypatch.setattr(LambdaFunction, "get_configuration", configuration_as_aws_has_it)
    with mock_aws():
        recorded = Recorded()
        yield recorded
        recorded.close()
