"""A training that is interrupted goes on, and ends as if it had not been interrupted."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import pytest

import train as train_job
from tests.training_code.conftest import container

CODE = Path(__file__).resolve().parents[3]
HEAD = {"epochs": 4, "batch_size": 8, "lr": 0.01, "graph": "none"}
TRIAL = {**HEAD, "export": "false"}  # nothing but the head is written
FINE = {**TRIAL, "epochs": 2, "fine_tune_blocks": 1, "fine_tune_epochs": 3, "fine_tune_views": 2}
PICTURES = {**FINE, "fine_tune_views": 0}
BY_STEP = "losses:save_interval=1,weights:save_interval=3,gradients:save_interval=3"
WATCHED = {**FINE, "debug_collections": BY_STEP, "debug_rules": "UnchangedTensor,Overfit"}
Files = dict[str, bytes]


class Taken(BaseException):
    """Stands for the end of the process."""


class Log(StringIO):
    """A log that ends the training while a line is written, which no checkpoint has then."""

    def __init__(self, until: str) -> None:
        super().__init__()
        self._until = until

    def write(self, text: str) -> int:
        if text.startswith(self._until):
            raise Taken
        return super().write(text)


class Lab:
    """A job that keeps checkpoints: each start has a new machine, as after an interruption."""

    def __init__(self, root: Path, features: Path, dataset: Path) -> None:
        self.root, self.features, self._dataset = root, features, dataset
        self.name = "pipelines-run-Train-abc"
        self.checkpoints = root / "checkpoints/pipelines-run-Train"
        self._config = root / "checkpointconfig.json"
        self._config.write_text(json.dumps({"LocalPath": str(root / "checkpoints")}))

    def environment(self, keeps: bool = True) -> dict[str, str]:
        shutil.rmtree(self.root / "machine", ignore_errors=True)
        return container(self.root / "machine", self.features, self._dataset) | {
            "CHECKPOINT_CONFIG_FILE_PATH": str(self._config) if keeps else "/nowhere",
            "TRAINING_JOB_NAME": self.name,
            "SMDEBUG_CONFIG_FILE_PATH": "/nowhere",
        }

    def start(
        self, settings: Mapping[str, object], until: str = "never", keeps: bool = True
    ) -> str:
        """Run the script to its end, or until that line; return its log."""
        log = Log(until)
        arguments = [f"--{name}={value}" for name, value in settings.items()]
        try:
            with redirect_stdout(log):
                train_job.main(arguments, self.environment(keeps))
        except Taken:
            pass
        return log.getvalue()

    def files(self) -> Files:
        """What the job left, but for files of tensors: they bear the time."""
        paths = (path for path in (self.root / "machine").rglob("*") if path.is_file())
        return {
            str(path.relative_to(self.root)): b"" if "events" in path.parts else path.read_bytes()
            for path in paths
        }


@pytest.fixture
def lab(features: Path, prepared: Path, tmp_path: Path) -> Lab:
    return Lab(tmp_path, features, prepared / "dataset")


def resumed_after(log: str) -> int:
    found = re.search(r"^going on after epoch (\d+), by the checkpoint in ", log, re.MULTILINE)
    return int(found[1]) if found else 0


def epochs(log: str) -> list[str]:
    return re.findall(r"^epoch=.*", log, re.MULTILINE)


@pytest.mark.parametrize(
    ("settings", "interruptions", "kept"),
    [
        (HEAD, ["epoch=3 ", "kept epoch"], 4),
        ({**TRIAL, "optimizer": "LBFGS", "epochs": 6}, ["epoch=4 "], 3),
        (FINE, ["epoch=5 "], 4),
        (PICTURES, ["epoch=3 "], 2),
        pytest.param(
            WATCHED,
            ["epoch=4 "],
            3,
            marks=pytest.mark.skipif(not find_spec("smdebug"), reason="no smdebug here"),
        ),
    ],
    ids=["head", "full batch", "cached activations", "pictures", "watched"],
)
def test_whatever_interrupts_it_the_result_is_the_same_to_the_bit(
    lab: Lab, settings: Mapping[str, object], interruptions: list[str], kept: int
) -> None:
    whole = lab.start(settings, keeps=False)
    expected = lab.files()
    for line in interruptions:
        lab.start(settings, until=line)
    log = lab.start(settings)
    assert resumed_after(log) == kept
    assert epochs(log) == epochs(whole)  # those before have their lines as well
    found = lab.files()
    assert found.keys() == expected.keys()
    assert [name for name in expected if expected[name] != found[name]] == []


def test_a_process_that_is_killed_repeats_one_epoch_at_most(lab: Lab) -> None:
    lab.start(TRIAL, keeps=False)
    expected = lab.files()
    code = os.pathsep.join(str(CODE / name) for name in ("training_code", "inference_code"))
    process = subprocess.Popen(
        [
            sys.executable,
            str(CODE / "training_code/train.py"),
            *(f"--{name}={value}" for name, value in TRIAL.items()),
        ],
        env=os.environ | lab.environment() | {"PYTHONPATH": code},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while not process.stdout.readline().startswith("epoch=3 "):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    log = lab.start(TRIAL)
    assert resumed_after(log) >= 2
    assert lab.files() == expected


@pytest.mark.parametrize("changed", [{"lr": 0.02}, {"class_weights": "balanced"}])
def test_a_checkpoint_of_other_settings_is_not_used_and_says_so(
    lab: Lab, changed: Mapping[str, object]
) -> None:
    lab.start(TRIAL, until="epoch=3 ")
    log = lab.start({**TRIAL, **changed})
    what = "is not used: it is of other hyperparameters"
    assert log.startswith(f"warning: the checkpoint in {lab.checkpoints} {what}\n")
    assert resumed_after(log) == 0


def test_a_checkpoint_of_other_features_is_not_used(lab: Lab, tmp_path: Path) -> None:
    lab.start(TRIAL, until="epoch=3 ")
    other = shutil.copytree(lab.features, tmp_path / "features")
    labels = other / "train.labels.npy"
    labels.write_bytes(labels.read_bytes()[:-8] + bytes(8))
    lab.features = other
    assert "is not used: it is of other data\n" in lab.start(TRIAL)


def test_the_job_of_another_execution_begins_anew(lab: Lab) -> None:
    lab.start(TRIAL, until="epoch=3 ")
    lab.name = "pipelines-other-Train-def"
    assert resumed_after(lab.start(TRIAL)) == 0
    lab.name = "pipelines-run-Train-ghi"  # the pipeline's own second try
    assert resumed_after(lab.start(TRIAL)) == 2


def test_what_is_left_at_the_end_is_small(lab: Lab) -> None:
    lab.start(TRIAL, until="epoch=4 ")
    under_way = sum(path.stat().st_size for path in lab.checkpoints.iterdir())
    lab.start(TRIAL)
    (last,) = lab.checkpoints.iterdir()
    assert last.stat().st_size < under_way / 4


def test_without_a_place_nothing_is_kept(lab: Lab) -> None:
    lab.start(TRIAL, keeps=False)
    assert not (lab.root / "checkpoints").exists()


def test_a_full_disk_costs_the_checkpoint_and_not_the_training(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("learning.resuming.write_checkpoint", fail)
    log = lab.start(TRIAL)
    assert log.count("warning: there is no checkpoint of epoch ") == len(epochs(log)) == 4
