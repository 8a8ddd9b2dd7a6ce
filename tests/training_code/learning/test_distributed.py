"""Two processes that fine-tune together make the model that one process makes."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from job.errors import JobError
from learning.distributed import Replicas, join_replicas
from tests.training_code.conftest import container

Train = Callable[..., Any]
CODE = Path(__file__).resolve().parents[3]
TRAINING = {
    "epochs": 2,
    "batch_size": 5,
    "fine_tune_blocks": 2,
    "fine_tune_epochs": 2,
    "fine_tune_lr": 0.0003,
    "graph": "none",
}
DEBUGGING = {"debug_collections": "losses:save_interval=1", "debug_rules": "ExplodingTensor"}
MEETING = """
import os, torch
from learning.distributed import join_replicas
with join_replicas(os.environ) as replicas:
    print(float(replicas.total(torch.tensor(replicas.rank + 1.0))))
"""


def start(*words: str, **environ: str) -> subprocess.Popen[str]:
    """Python with the job's code on its path."""
    code = os.pathsep.join(str(CODE / name) for name in ("training_code", "inference_code"))
    return subprocess.Popen(
        [sys.executable, *words],
        env=os.environ | environ | {"PYTHONPATH": code, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_make_the_model_of_one(
    train: Train, features: Path, prepared: Path, tmp_path: Path, held_port: int
) -> None:
    torchrun = ["-m", "torch.distributed.run", "--nproc_per_node=2"]
    script = [f"--master_port={held_port}", str(CODE / "training_code/train.py")]
    arguments = [f"--{name}={value}" for name, value in (TRAINING | DEBUGGING).items()]
    environ = container(tmp_path, features, prepared / "dataset")
    running = start(*torchrun, *script, "--lr=0.01", *arguments, **environ)
    alone = train(dataset=prepared / "dataset", **TRAINING)
    log, errors = running.communicate(timeout=300)
    assert running.returncode == 0, errors
    together = losses(log)
    assert len(together) == 4  # epochs, from one of the two
    np.testing.assert_allclose(together, losses(alone.log), rtol=1e-3, atol=2e-4)
    name = "model/model.safetensors"
    one, two = load_file(alone.model.parent / name), load_file(tmp_path / name)
    assert all(torch.allclose(one[key], two[key], rtol=1e-2, atol=1e-3) for key in one)
    if find_spec("smdebug"):  # the first process saves and judges: nobody waits for the second
        document = json.loads((tmp_path / "output/data/debug/rules.json").read_text())
        assert [rule["status"] for rule in document["rules"]] == ["NoIssuesFound"]


def losses(log: str) -> list[float]:
    """The best validation loss of every metric line."""
    return [float(value) for value in re.findall(r"best_valid_loss=(\S+)", log)]


def test_machines_without_a_launcher_meet_by_the_names_that_sagemaker_gives_them(
    held_port: int,
) -> None:
    running = [
        start(
            "-c",
            MEETING,
            SM_HOSTS='["algo-1","algo-2"]',
            SM_CURRENT_HOST=name,
            MASTER_ADDR="127.0.0.1",
            MASTER_PORT=str(held_port),
        )
        for name in ("algo-1", "algo-2")
    ]
    said = [process.communicate(timeout=120) for process in running]
    assert [out for out, _ in said] == ["3.0\n", ""], said  # the second one is silent


def test_every_row_belongs_to_one_of_them() -> None:
    rows = np.array([7, 2, 9, 4, 0, 3])
    shares = [Replicas(rank, 3).own(rows).tolist() for rank in range(3)]
    assert shares == [[9, 0, 3], [7, 4], [2]]


def test_alone_everything_stays_as_it_is() -> None:
    network = torch.nn.Linear(2, 2)
    with join_replicas({"SM_HOSTS": '["algo-1"]', "SM_CURRENT_HOST": "algo-1"}) as alone:
        assert alone == Replicas(0, 1)
        assert alone.first
        loss = torch.tensor(2.0)
        assert alone.share(loss, torch.zeros(3)) is loss
        assert alone.together(network) is network
        assert alone.from_first(lambda: "made") == "made"


def test_processes_that_do_not_meet_say_where(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("connection refused")

    monkeypatch.setattr(torch.distributed, "init_process_group", refuse)
    environ = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "algo-1", "MASTER_PORT": "7777"}
    joined: Callable[[], Any] = lambda: join_replicas(environ).__enter__()  # noqa: E731
    with pytest.raises(JobError, match="the 2 processes did not meet at algo-1:7777"):
        joined()
