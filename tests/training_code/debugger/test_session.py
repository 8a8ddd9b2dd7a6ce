"""The debugger's hook: right modes and tensors, and never the end of a training."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import train as train_job
from tests.training_code.conftest import container

CODE = Path(__file__).resolve().parents[3]
JOB = """
import sys, threading
import job.errors, train


class Threads:
    def find_spec(self, name, path=None, target=None):
        if name == "smdebug":
            print("smdebug imported in:", threading.current_thread().name)


sys.meta_path.insert(0, Threads())
sys.argv[0] = "train.py"
job.errors.run_job(train.main)
print("smdebug imported:", "smdebug" in sys.modules)
"""


def hook_configuration(folder: Path, tensors: Path) -> Path:
    """What the platform writes for a job with a DebugHookConfig."""
    path = folder / "debughookconfig.json"
    names = ("losses", "weights", "gradients")
    values = {
        "S3OutputPath": "s3://bucket/debug",
        "LocalPath": str(tensors),
        "HookParameters": {"save_interval": "1"},
        "CollectionConfigurations": [{"CollectionName": name} for name in names],
    }
    path.write_text(json.dumps(values))
    return path


@dataclass(frozen=True)
class Ended:
    """A training job that ended well: its folder, and what it printed."""

    folder: Path
    stdout: str
    stderr: str

    def epoch_lines(self) -> list[str]:
        return [line for line in self.stdout.splitlines() if "epoch=" in line]


def run(features: Path, dataset: Path, folder: Path, configuration: Path) -> Ended:
    """train.py as a job of its own, through both phases: what it imports is seen."""
    environ = container(folder, features, dataset) | {
        "PYTHONPATH": f"{CODE / 'training_code'}:{CODE / 'inference_code'}",
        "SMDEBUG_CONFIG_FILE_PATH": str(configuration),
        "OMP_NUM_THREADS": "1",
    }
    phases = ("--epochs=2", "--fine_tune_blocks=1", "--fine_tune_epochs=1")
    command = [sys.executable, "-c", JOB, *phases, "--batch_size=12", "--graph=none"]
    done = subprocess.run(
        command, env=os.environ | environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Ended(folder, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def plain(features: Path, prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A job without a configuration."""
    folder = tmp_path_factory.mktemp("plain")
    return run(features, prepared / "dataset", folder, folder / "none.json")


@pytest.fixture(scope="module")
def hooked(features: Path, prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """The same with one; its tensors are in the folder `tensors`."""
    pytest.importorskip("smdebug")
    folder = tmp_path_factory.mktemp("hooked")
    configuration = hook_configuration(folder, folder / "tensors")
    return run(features, prepared / "dataset", folder, configuration)


def test_without_a_configuration_there_is_no_hook(plain: Ended) -> None:
    assert "smdebug imported: False" in plain.stdout


def test_tensors_of_both_phases_are_saved_with_the_right_modes(hooked: Ended) -> None:
    from smdebug.pytorch import modes
    from smdebug.trials import create_trial

    assert "warning" not in hooked.stdout + hooked.stderr
    trial = create_trial(str(hooked.folder / "tensors"))
    loss = trial.tensor("ClassificationLoss_output_0")
    # 36 pictures in batches of 12; validation in one batch of 12; 2 + 1 epochs
    assert loss.steps(mode=modes.TRAIN) == list(range(9))
    assert loss.steps(mode=modes.EVAL) == list(range(3))
    assert trial.tensor("gradient/Head_linear.weight").steps(mode=modes.TRAIN) == list(range(6))
    assert trial.tensor("gradient/Head_linear.weight").steps(mode=modes.EVAL) == []
    assert trial.tensor("Classifier_head.linear.weight").steps(mode=modes.TRAIN) == [6, 7, 8]
    gradients = trial.tensor_names(regex="^gradient/Classifier_backbone")
    assert gradients
    assert all("conv5" in name for name in gradients)  # frozen blocks have none
    valid_loss = float(hooked.epoch_lines()[0].split("valid_loss=")[1].split()[0])
    saved = float(loss.value(0, mode=modes.EVAL))
    assert saved == pytest.approx(valid_loss, abs=1e-5)


def test_one_thread_alone_imports_smdebug(hooked: Ended) -> None:
    """Its modules import each other: two threads at once can find one of them half made."""
    assert "smdebug imported in: MainThread" in hooked.stdout


def test_the_hook_changes_nothing_in_the_training(plain: Ended, hooked: Ended) -> None:
    assert plain.epoch_lines() == hooked.epoch_lines()
    first, second = (one.folder / "model/model.safetensors" for one in (plain, hooked))
    assert first.read_bytes() == second.read_bytes()


@pytest.fixture
def log_of(
    features: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> Callable[[Path], str]:
    """All that a training of two epochs says that has this configuration."""

    def run_here(configuration: Path) -> str:
        environ = {"SMDEBUG_CONFIG_FILE_PATH": str(configuration)}
        train_job.main(["--epochs=2", "--export=false"], container(tmp_path, features) | environ)
        said = capfd.readouterr()
        return said.out + said.err

    return run_here


def test_a_hook_that_fails_is_told_once_and_training_goes_on(
    log_of: Callable[[Path], str], tmp_path: Path
) -> None:
    pytest.importorskip("smdebug")
    (tmp_path / "file").touch()
    # no folder can be made there
    log = log_of(hook_configuration(tmp_path, tmp_path / "file/tensors"))
    assert log.count("epoch=") == 2
    assert log.count("warning: debugging was lost") == 1
    assert "Traceback" not in log


def test_a_configuration_that_cannot_be_read_is_told_and_training_goes_on(
    log_of: Callable[[Path], str], tmp_path: Path
) -> None:
    path = tmp_path / "debughookconfig.json"
    path.write_text("{")
    log = log_of(path)
    assert log.count("epoch=") == 2
    assert log.count("warning: debugging is off") == 1
