"""How many threads one batch has: all processes of a server together use each core once."""

import os
from pathlib import Path

import pytest

from runtimes import chosen_environment, thread_count


@pytest.mark.parametrize(
    ("environ", "worker_per_core", "threads"),
    [
        ({}, False, 6),
        ({}, True, 1),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "2"}, True, 3),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "4"}, False, 1),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "40"}, False, 1),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "many"}, False, 6),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "2", "OMP_NUM_THREADS": "5"}, False, 5),
        ({"OMP_NUM_THREADS": "0"}, True, 1),
    ],
)
def test_threads_follow_cores_and_workers(
    environ: dict[str, str], worker_per_core: bool, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    assert thread_count(environ, worker_per_core) == threads


@pytest.mark.parametrize(
    ("started_with", "kept"),
    [
        (b"PATH=/bin\0OMP_NUM_THREADS=1\0", True),
        (b"PATH=/bin\0MY_OMP_NUM_THREADS=1\0", False),
        (b"", False),
    ],
)
def test_threads_that_a_server_chose_for_itself_do_not_count(
    started_with: bytes, kept: bool, tmp_path: Path
) -> None:
    (tmp_path / "environ").write_bytes(started_with)
    environ = {"OMP_NUM_THREADS": "1", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
    found = chosen_environment(environ, tmp_path / "environ")
    assert found.pop("OMP_NUM_THREADS", None) == ("1" if kept else None)
    assert found == {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}


def test_without_a_record_of_the_start_the_environment_stands(tmp_path: Path) -> None:
    environ = {"OMP_NUM_THREADS": "1"}
    assert chosen_environment(environ, tmp_path / "missing") == environ
