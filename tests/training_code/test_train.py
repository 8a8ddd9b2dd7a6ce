"""Train as a whole: from features and hyperparameters to the model folder."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from extraction import feature_files
from extraction.feature_files import read_features
from job.errors import JobError
from pipeline.job_scripts.metrics import REGEXES
from torch_model import read_model
from train import main

CODE = Path(__file__).resolve().parents[2]
Train = Callable[..., Any]
NUMBER = r"-?\d+\.\d{6}"
EPOCH_LINE = re.compile(
    rf"epoch=\d+ train_loss={NUMBER} train_accuracy={NUMBER}"
    rf" valid_loss={NUMBER} valid_accuracy={NUMBER}"
    rf" best_valid_loss={NUMBER} best_valid_accuracy={NUMBER}"
)
LAST_LINE = re.compile(rf"kept epoch \d+: validation accuracy {NUMBER}, loss {NUMBER}")


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_it_logs_one_metric_line_an_epoch_and_says_at_the_end_what_it_kept(trained: Any) -> None:
    *epochs, graph, last = trained.log.splitlines()
    assert len(epochs) == 4 and graph.startswith("graph: ")
    assert all(EPOCH_LINE.fullmatch(line) for line in epochs)
    assert LAST_LINE.fullmatch(last)


def test_the_definitions_regexes_find_the_metrics(trained: Any) -> None:
    for name, regex in REGEXES.items():
        found = re.findall(regex, trained.log)
        assert len(found) == 4, name
        assert all(np.isfinite(float(value)) for value in found)


def test_the_best_so_far_never_falls(trained: Any) -> None:
    seen = [float(v) for v in re.findall(r" valid_accuracy=(\S+)", trained.log)]
    best = [float(v) for v in re.findall(r" best_valid_accuracy=(\S+)", trained.log)]
    assert best == [max(seen[: n + 1]) for n in range(len(seen))]


def test_it_learns(trained: Any) -> None:
    accuracies = [float(v) for v in re.findall(r" valid_accuracy=(\S+)", trained.log)]
    assert max(accuracies) > 0.6  # by chance: 0.33


def test_the_last_line_and_the_model_are_of_the_best_epoch(trained: Any, features: Path) -> None:
    rows = list(csv.DictReader((trained.output / "history.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    best = max(rows, key=lambda row: (float(row["valid_accuracy"]), -float(row["valid_loss"])))
    last = trained.log.splitlines()[-1]
    assert last.startswith(f"kept epoch {best['epoch']}: ")
    assert f"accuracy {float(best['valid_accuracy']):.6f}, " in last

    classifier, description = read_model(trained.model)
    valid = read_features(features, "valid")
    with torch.inference_mode():
        right = classifier.head(valid.values[0]).argmax(1) == valid.labels
    assert right.double().mean().item() == pytest.approx(float(best["valid_accuracy"]))
    assert description.metrics["epoch"] == int(best["epoch"])


def test_the_exported_model_holds_all_that_serving_needs(trained: Any, features: Path) -> None:
    info = feature_files.read_info(features)
    _, description = read_model(trained.model)
    assert description.classes == info.classes
    assert description.backbone == info.backbone
    assert description.preprocessing == info.preprocessing()
    assert description.data_fingerprint == info.fingerprint
    assert description.hyperparameters["lr"] == 0.01
    kept = (path for path in (CODE / "inference_code").iterdir() if path.is_file())
    code = {f"code/{path.name}" for path in kept if path.name != "Dockerfile"}
    own = {"model.json", "model.onnx", "model.safetensors", "reference.npz"}
    assert set(files_of(trained.model)) == own | code
    assert "code/inference.py" in code


def test_a_trial_writes_only_its_head_and_metrics(train: Train, trained: Any) -> None:
    trial = train(export=False)
    assert set(files_of(trial.model)) == {"head.safetensors", "metrics.json"}
    metrics = json.loads((trial.model / "metrics.json").read_text())
    assert f"{metrics['valid_accuracy']:.6f}" in trial.log.splitlines()[-1]
    head = load_file(trial.model / "head.safetensors")
    exported = load_file(trained.model / "model.safetensors")
    assert torch.equal(head["linear.weight"], exported["head.linear.weight"])


def test_the_same_training_gives_the_same_bytes(train: Train, trained: Any) -> None:
    again = train()
    assert files_of(again.model) == files_of(trained.model)
    assert again.log == trained.log


def test_the_seed_decides_what_is_learned(train: Train) -> None:
    told = {"epochs": 2, "export": False}
    first, second, other = (train(seed=seed, **told) for seed in (1, 1, 2))
    assert files_of(first.model) == files_of(second.model)
    assert first.log == second.log != other.log


def test_of_all_pictures_at_once_it_learns_without_rate_and_batches(train: Train) -> None:
    told = {"optimizer": "LBFGS", "epochs": 6, "graph": "none"}
    first, again, other = (train(**told, **more) for more in ({}, {}, {"lr": 9, "batch_size": 1}))
    assert files_of(first.model) == files_of(again.model)
    assert first.log == again.log == other.log
    *epochs, last = first.log.splitlines()
    assert len(epochs) == 6 and all(EPOCH_LINE.fullmatch(line) for line in epochs)
    assert float(re.findall(r"accuracy (\S+),", last)[0]) > 0.6  # by chance: 0.33


def test_several_views_are_learned_from(train: Train, extract: Callable[..., Path]) -> None:
    features = extract(views=3)
    result = train(features=features, epochs=3, export=False)
    assert result.log == train(features=features, epochs=3, export=False).log
    assert result.log != train(epochs=3, export=False).log


def test_smoothing_changes_what_is_learned_and_not_how_it_is_measured(
    train: Train, features: Path
) -> None:
    smoothed = train(label_smoothing=0.5, epochs=1, graph="none")
    classifier, _ = read_model(smoothed.model)
    valid = read_features(features, "valid")
    with torch.inference_mode():
        logits = classifier.head(valid.values[0])
    plain = torch.nn.functional.cross_entropy(logits, valid.labels)
    (printed,) = re.findall(r" valid_loss=(\S+)", smoothed.log)
    assert float(printed) == pytest.approx(float(plain), abs=1e-5)
    assert smoothed.log != train(epochs=1, export=False).log


def test_rare_classes_may_count_more_and_are_measured_as_ever(
    train: Train, features: Path, tmp_path: Path
) -> None:
    uneven = tmp_path / "uneven"
    shutil.copytree(features, uneven)
    labels = np.load(uneven / "train.labels.npy")
    np.save(uneven / "train.labels.npy", np.where(np.arange(len(labels)) % 3 == 0, labels, 0))
    told = {"features": uneven, "epochs": 1, "graph": "none"}
    weighted = train(class_weights="balanced", **told)
    classifier, description = read_model(weighted.model)
    valid = read_features(uneven, "valid")
    with torch.inference_mode():
        logits = classifier.head(valid.values[0])
    plain = torch.nn.functional.cross_entropy(logits, valid.labels)
    (printed,) = re.findall(r" valid_loss=(\S+)", weighted.log)
    assert float(printed) == pytest.approx(float(plain), abs=1e-5)
    assert weighted.log != train(**told).log
    assert description.hyperparameters["class_weights"] == "balanced"


def test_a_missing_channel_is_explained(tmp_path: Path, features: Path) -> None:
    with pytest.raises(JobError, match="no channel 'features'"):
        main([], {})
    with pytest.raises(JobError, match=r"fine_tune_blocks is 2.*no channel 'dataset'"):
        main(["--fine_tune_blocks", "2"], {"SM_CHANNEL_FEATURES": str(features)})


def test_a_channel_with_something_else_is_explained(train: Train, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"features\.json cannot be read"):
        train(features=tmp_path)


def test_a_learning_rate_that_diverges_is_explained(train: Train) -> None:
    with pytest.raises(JobError, match=r"Lower the hyperparameter lr \(now 1e\+38\)"):
        train(lr=1e38, optimizer="SGD")


def script(
    features: Path, dataset: Path, tmp_path: Path, *arguments: str, code: Path | None = None
) -> Any:
    environment = os.environ | {
        "PYTHONPATH": f"{CODE / 'training_code'}:{CODE / 'inference_code'}" if not code else "",
        "SM_CHANNEL_FEATURES": str(features),
        "SM_CHANNEL_DATASET": str(dataset),
        "SM_MODEL_DIR": str(tmp_path / "model"),
        "SM_OUTPUT_DIR": str(tmp_path / "output"),
        "SM_OUTPUT_DATA_DIR": str(tmp_path / "output/data"),
        "OMP_NUM_THREADS": "1",
    }
    program = (code or CODE / "training_code") / "train.py"
    command = [sys.executable, str(program), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_users_mistake_ends_in_one_line_and_the_failure_file(
    features: Path, prepared: Path, tmp_path: Path
) -> None:
    done = script(features, prepared / "dataset", tmp_path, "--lr", "0")
    assert done.returncode == 1
    assert done.stderr == "error: hyperparameter lr is 0.0; it must be above 0\n"
    assert "lr is 0.0" in (tmp_path / "output/failure").read_text()


def test_it_runs_from_the_bundle_where_all_modules_are_in_one_folder(
    features: Path, prepared: Path, tmp_path: Path
) -> None:
    code = tmp_path / "code"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(CODE / "training_code", code, ignore=ignored)
    shutil.copytree(CODE / "inference_code", code, ignore=ignored, dirs_exist_ok=True)
    shutil.copytree(CODE / "inference_code", code / "inference_code", ignore=ignored)
    done = script(features, prepared / "dataset", tmp_path, "--epochs", "1", code=code)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "model/code/inference.py").is_file()
