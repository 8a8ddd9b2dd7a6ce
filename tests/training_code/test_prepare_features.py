"""Prepare and ExtractFeatures in one job write what they write in two."""

from collections.abc import Callable
from pathlib import Path

import pytest

import prepare_features
from job.errors import JobError
from tests.training_code.conftest import BACKBONE, CROP, RESIZE, one_thread


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def run_both(data: Path, out: Path, **more: object) -> None:
    given = {
        "data": data,
        **{name: out / name for name in ("dataset", "test", "features")},
        "resize": RESIZE,
        "split": "0.6,0.2,0.2",
        "backbone": BACKBONE,
        "crop": CROP,
        **more,
    }
    with one_thread():
        prepare_features.main([part for k, v in given.items() for part in (f"--{k}", str(v))])


def test_what_one_job_writes_is_what_two_write(
    prepared: Path, extract: Callable[..., Path], tmp_path: Path
) -> None:
    run_both(prepared / "data", tmp_path)

    for name in ("dataset", "test"):
        assert contents(tmp_path / name) == contents(prepared / name)
    assert contents(tmp_path / "features") == contents(extract(test=prepared / "test"))


def test_test_pictures_are_not_looked_for_when_off(
    prepared: Path, features: Path, tmp_path: Path
) -> None:
    run_both(prepared / "data", tmp_path, **{"test-in-train": "off"})
    assert contents(tmp_path / "features") == contents(features)


def test_what_the_features_cannot_be_is_said_before_pictures_are_read(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="--views must be 1 or more"):
        run_both(tmp_path / "none", tmp_path, views=0)
    assert not list(tmp_path.iterdir())
