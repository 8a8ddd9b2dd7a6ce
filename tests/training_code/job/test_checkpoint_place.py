"""Where a job's checkpoints lie: a folder of its own in the place that SageMaker keeps."""

import json
from pathlib import Path

import pytest

from job.checkpoint_place import checkpoint_folder
from job.errors import JobError


@pytest.mark.parametrize(
    ("name", "of_attempt", "folder"),
    [
        ("pipelines-abc-Train-Xy12", False, "pipelines-abc-Train"),
        ("pipelines-abc-Train-Xy12", True, "pipelines-abc-Train-Xy12"),
        ("abc-Tune-Xy12-007-1f2e", False, "abc-Tune-Xy12-007"),
        ("alone", False, "alone"),
    ],
)
def test_each_job_has_its_own(tmp_path: Path, name: str, of_attempt: bool, folder: str) -> None:
    config = tmp_path / "checkpointconfig.json"
    config.write_text(json.dumps({"S3Uri": "s3://bucket/here/", "LocalPath": "/opt/ml/mine"}))
    environ = {"CHECKPOINT_CONFIG_FILE_PATH": str(config), "TRAINING_JOB_NAME": name}
    assert checkpoint_folder(environ, of_attempt=of_attempt) == Path("/opt/ml/mine", folder)


def test_sagemakers_own_folder_is_meant_where_none_is_named(tmp_path: Path) -> None:
    config = tmp_path / "checkpointconfig.json"
    config.write_text(json.dumps({"S3Uri": "s3://bucket/here/"}))
    environ = {"CHECKPOINT_CONFIG_FILE_PATH": str(config), "TRAINING_JOB_NAME": "a-b"}
    assert checkpoint_folder(environ, of_attempt=False) == Path("/opt/ml/checkpoints/a")


def test_a_job_without_a_configuration_keeps_none(tmp_path: Path) -> None:
    environ = {"CHECKPOINT_CONFIG_FILE_PATH": str(tmp_path / "none.json")}
    assert checkpoint_folder(environ, of_attempt=False) is None


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_configuration_that_cannot_be_read_is_an_error(tmp_path: Path, text: str) -> None:
    config = tmp_path / "checkpointconfig.json"
    config.write_text(text)
    with pytest.raises(JobError, match=r"checkpointconfig\.json, which says where"):
        checkpoint_folder({"CHECKPOINT_CONFIG_FILE_PATH": str(config)}, of_attempt=False)
