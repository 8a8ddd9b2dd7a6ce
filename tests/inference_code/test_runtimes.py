"""How many threads one batch has: all processes of a server together use each core once."""

import os

import pytest

from runtimes import thread_count


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
