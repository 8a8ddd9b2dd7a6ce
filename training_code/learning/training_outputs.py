"""Write the results of a training: the model or only its head, the metrics, the history."""

import csv
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from artifact import ModelDescription
from extraction.feature_files import FeatureInfo
from graphs.serving import write_graphs
from hyperparameters import Hyperparameters
from job.errors import JobError
from job.provenance import package_versions
from knowing.artifact_part import add_knowledge
from learning.training_loop import EpochResult
from network import Classifier, Head
from torch_model import write_model


def write_history(folder: Path, history: Sequence[EpochResult]) -> None:
    """Write history.csv: one row an epoch, columns as in the metric lines."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "history.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(EpochResult)])
        writer.writeheader()
        writer.writerows(asdict(result) for result in history)


def write_head(folder: Path, head: Head, best: EpochResult) -> None:
    """Write head.safetensors and metrics.json: all that tuning needs of a trial."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(head.state_dict(), folder / "head.safetensors")
    text = json.dumps(best_metrics(best), indent=1)
    (folder / "metrics.json").write_text(text + "\n", encoding="utf-8")


def write_artifact(
    folder: Path,
    classifier: Classifier,
    info: FeatureInfo,
    settings: Hyperparameters,
    best: EpochResult,
    *,
    features: Path,
    dataset: Path | None = None,
) -> None:
    """Write the whole model: weights, graphs, description and the code that serves it.

    `features` is the folder of cached ones; `dataset` has the pictures that graphs are calibrated
    and checked on. Raises JobError when a graph does not compute what it should.
    """
    folder.mkdir(parents=True, exist_ok=True)
    description = ModelDescription(
        backbone=info.backbone,
        classes=info.classes,
        preprocessing=info.preprocessing(),
        seed=settings.seed,
        data_fingerprint=info.fingerprint,
        weights_sha256=info.weights_sha256,
        hyperparameters=settings.to_dict(),
        metrics=best_metrics(best),
        versions=package_versions(),
    )
    write_model(folder, classifier, description)
    checked = write_graphs(folder, settings, dataset)
    add_knowledge(folder, classifier.head, settings, features, dataset, checked=checked)
    copy_serving_code(folder / "code")


def copy_serving_code(target: Path) -> None:
    """Copy inference_code/ (from the job's code, or from the repository) to `target`.

    What only the serving image holds stays behind.
    """
    here = Path(__file__).resolve().parents[1]
    for source in (here / "inference_code", here.parent / "inference_code"):
        if (source / "inference.py").is_file():
            break
    else:
        raise JobError(f"{here} holds no inference_code folder: the job's code bundle lacks it")
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", "Dockerfile", "server")
    shutil.copytree(source, target, ignore=ignored, dirs_exist_ok=True)


def best_metrics(best: EpochResult) -> dict[str, Any]:
    """Return the kept epoch's number and metrics."""
    return asdict(best)
