"""The debugger's hook: right modes and tensors, and never the end of a training."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CODE = Path(__file__).resolve().parents[2]
JOB = """
import sys, threading
import job_errors, train


class Threads:
    def find_spec(self, name, path=None, target=None):
        if name == "smdebug":
            print("smdebug imported in:", threading.current_thread().name)


sys.meta_path.insert(0, Threads())
sys.argv[0] = "train.py"
job_errors.run_job(train.main)
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


def run(features: Path, folder: Path, *arguments: str, **environment: str) -> Any:
    """train.py as a job of its own: the hook keeps state in its process."""
    values = os.environ | {
        "PYTHONPATH": f"{CODE / 'training_code'}:{CODE / 'inference_code'}",
        "SM_CHANNEL_FEATURES": str(features),
        "SM_MODEL_DIR": str(folder / "model"),
        "SM_OUTPUT_DIR": str(folder / "output"),
        "SM_OUTPUT_DATA_DIR": str(folder / "output/data"),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-c", JOB, "--epochs", "2", "--batch_size", "12", *arguments]
    done = subprocess.run(
        command, env=values | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def epoch_lines(done: Any) -> list[str]:
    return [line for line in done.stdout.splitlines() if "epoch=" in line]


def test_without_a_configuration_there_is_no_hook(features: Path, tmp_path: Path) -> None:
    done = run(features, tmp_path, SMDEBUG_CONFIG_FILE_PATH=str(tmp_path / "none.json"))
    assert "smdebug imported: False" in done.stdout


def test_tensors_of_both_phases_are_saved_with_the_right_modes(
    features: Path, prepared: Path, tmp_path: Path
) -> None:
    trials = pytest.importorskip("smdebug.trials")
    from smdebug.pytorch import modes

    done = run(
        features,
        tmp_path,
        *("--fine_tune_blocks", "1", "--fine_tune_epochs", "1"),
        SMDEBUG_CONFIG_FILE_PATH=str(hook_configuration(tmp_path, tmp_path / "tensors")),
        SM_CHANNEL_DATASET=str(prepared / "dataset"),
    )
    assert "warning" not in done.stdout + done.stderr
    trial = trials.create_trial(str(tmp_path / "tensors"))
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
    valid_loss = float(epoch_lines(done)[0].split("valid_loss=")[1].split()[0])
    saved = float(loss.value(0, mode=modes.EVAL))
    assert saved == pytest.approx(valid_loss, abs=1e-5)


def test_one_thread_alone_imports_smdebug(features: Path, tmp_path: Path) -> None:
    """Its modules import each other: two threads at once can find one of them half made."""
    pytest.importorskip("smdebug")
    path = hook_configuration(tmp_path, tmp_path / "tensors")
    done = run(features, tmp_path, SMDEBUG_CONFIG_FILE_PATH=str(path))
    assert "smdebug imported in: MainThread" in done.stdout


def test_the_hook_changes_nothing_in_the_training(features: Path, tmp_path: Path) -> None:
    pytest.importorskip("smdebug")
    path = hook_configuration(tmp_path, tmp_path / "tensors")
    plain = run(features, tmp_path / "a", SMDEBUG_CONFIG_FILE_PATH=str(tmp_path / "none.json"))
    hooked = run(features, tmp_path / "b", SMDEBUG_CONFIG_FILE_PATH=str(path))
    assert epoch_lines(plain) == epoch_lines(hooked)
    name = "model/model.safetensors"
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_hook_that_fails_is_told_once_and_training_goes_on(
    features: Path, tmp_path: Path
) -> None:
    pytest.importorskip("smdebug")
    (tmp_path / "file").touch()
    path = hook_configuration(tmp_path, tmp_path / "file/tensors")  # no folder can be made there
    done = run(features, tmp_path, SMDEBUG_CONFIG_FILE_PATH=str(path))
    assert len(epoch_lines(done)) == 3
    assert done.stdout.count("warning: debugging was lost") == 1
    assert "Traceback" not in done.stdout + done.stderr


def test_a_configuration_that_cannot_be_read_is_told_and_training_goes_on(
    features: Path, tmp_path: Path
) -> None:
    path = tmp_path / "debughookconfig.json"
    path.write_text("{")
    done = run(features, tmp_path, SMDEBUG_CONFIG_FILE_PATH=str(path))
    assert len(epoch_lines(done)) == 3
    assert done.stdout.count("warning: debugging is off") == 1
