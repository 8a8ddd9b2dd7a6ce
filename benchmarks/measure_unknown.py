"""Measure how well a model tells unknown pictures, and whether it keeps what it promises.

    python -m benchmarks.measure_unknown --dataset DIR --test DIR --features DIR
        --seeds 5 --far 60 --requests 150

Run with training_code/ and inference_code/ on the path; prints JSON. Each seed draws the splits
anew from all pictures and holds out a sixth of the classes: near unknowns. Far ones are drawn,
that many of each kind.
"""

import argparse
import io
import json
import statistics
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from safetensors.torch import load_file

import inference
from artifact import GRAPH_FILE, ModelDescription
from benchmarks.far_pictures import KINDS, far_squares
from benchmarks.unknown_scores import RIVALS, auroc
from debugger.session import Debugger
from evaluation.coverage import coverage_section
from evaluation.model_quality import outcomes_of
from extraction.feature_files import BACKBONE_FILE, FeatureInfo, Features, read_features, read_info
from extraction.feature_pass import Pass, write_features
from extraction.runtime import Runtime, open_runtime
from graphs.export import export_graph
from hyperparameters import Hyperparameters
from knowing.fitting import fit_known, fit_threshold
from knowing.units import Units
from known import KNOWN_FILE, write_known
from learning.head_training import head_phase, make_head
from learning.training_loop import ClassificationLoss, fit, restore
from network import Classifier, Head, WithFeatures, build_backbone, load_state
from pictures.dataset import open_split
from prediction import Model, open_model
from runtimes import FEATURES, LOGITS
from torch_model import write_model

REFUSE_AT = 0.05
OURS = "relative Mahalanobis, 64 directions"
_HELD_OUT = 6  # one class of so many
_PARTS = 10  # of a class: 8 train, 1 validates, 1 tests

Array = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pictures:
    """The features of all pictures of the data set, their labels, and those of far pictures."""

    values: Array
    labels: Labels
    far: dict[str, Array]


@dataclass(frozen=True)
class Part:
    """One split of a seed: features and labels, numbered anew."""

    values: Array
    labels: Labels

    def tensors(self) -> Features:
        """Return it as training reads it."""
        return Features(torch.from_numpy(self.values[None]), torch.from_numpy(self.labels))


def main() -> None:
    """Measure, and print the result as JSON."""
    parser = argparse.ArgumentParser()
    for name in ("dataset", "test", "features"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("seeds", "far", "requests"):
        parser.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    with redirect_stdout(io.StringIO()):
        info = read_info(options.features)
        backbone = build_backbone(info.backbone, info.seed)
        load_state(backbone, load_file(options.features / BACKBONE_FILE))
        runtime = open_runtime(backbone, info.preprocessing(), 8, 1)
        pictures = read_pictures(options, info, runtime)
        seeds = [measure(pictures, seed) for seed in range(options.seeds)]
        target = options.features.parent / "served"
        serving = measure_serving(backbone, info, pictures, target, options.requests)
    print(json.dumps({"backbone": info.backbone, **joined(seeds), "serving": serving}))


def read_pictures(options: argparse.Namespace, info: FeatureInfo, runtime: Runtime) -> Pictures:
    """Read the cached features, and compute those of test and far pictures once."""
    folder: Path = options.features
    if not (folder / "test.npy").is_file():
        work = Pass(runtime, None, info.crop)
        write_features(work, open_split(options.test, "test"), "test", folder)
    splits = [read_features(folder, split) for split in ("train", "valid", "test")]
    far = {}
    for kind in KINDS:
        squares = torch.from_numpy(np.stack(far_squares(kind, options.far, info.resize)))
        far[kind] = np.concatenate([runtime.forward(part) for part in torch.split(squares, 8)])
    return Pictures(
        np.concatenate([one.values[0].numpy() for one in splits]),
        np.concatenate([one.labels.numpy() for one in splits]),
        far,
    )


def measure(pictures: Pictures, seed: int) -> dict[str, Any]:
    """Return one seed's figures: every score's AUROC, what is refused, and promises kept."""
    random = np.random.default_rng(seed)
    classes = random.permutation(int(pictures.labels.max()) + 1)
    held = classes[: max(1, len(classes) // _HELD_OUT)]
    known = np.setdiff1d(classes, held)
    train, valid, test = split(pictures, known, random)
    near = pictures.values[np.isin(pictures.labels, held)]
    head = train_head(train, valid, len(known), seed)
    groups = {"valid": valid.values, "test": test.values, "near": near, **pictures.far}
    logits = {name: logits_of(head, values) for name, values in groups.items()}
    fitted = fit_known(
        (Units(train.values), train.labels),
        (valid.values, valid.labels),
        logits["valid"],
        len(known),
        REFUSE_AT,
    )
    scores: dict[str, dict[str, Any]] = {
        OURS: {name: fitted.distances(values).min(axis=1) for name, values in groups.items()}
    }
    for name, fit_rival in RIVALS.items():
        rival = fit_rival(train.values, train.labels)
        scores[name] = {group: rival(groups[group], logits[group]) for group in groups}
    section = coverage_section(
        outcomes_of(test.labels, softmax(logits["test"] / fitted.temperature)),
        fitted.promised,
        None,
    )
    return {
        "scores": {name: figures(values) for name, values in scores.items()},
        "accuracy": float((logits["test"].argmax(axis=1) == test.labels).mean()),
        "temperature": float(fitted.temperature[0]),
        "promised": section["promised"],
        "pictures": {"valid": len(valid.labels), "test": len(test.labels)},
    }


def split(pictures: Pictures, known: Labels, random: np.random.Generator) -> list[Part]:
    """Draw train, valid and test of the known classes, which get numbers from 0 on."""
    found: list[list[Labels]] = [[], [], []]
    for one in known:
        rows = random.permutation(np.flatnonzero(pictures.labels == one))
        tenth = max(1, len(rows) // _PARTS)
        for place, part in enumerate((rows[2 * tenth :], rows[:tenth], rows[tenth : 2 * tenth])):
            found[place].append(part)
    numbers = np.zeros(int(pictures.labels.max()) + 1, np.int64)
    numbers[known] = np.arange(len(known))
    rows_of = [np.concatenate(parts) for parts in found]
    return [Part(pictures.values[rows], numbers[pictures.labels[rows]]) for rows in rows_of]


def train_head(train: Part, valid: Part, classes: int, seed: int) -> Head:
    """Train the head as the job does, with the usual hyperparameters."""
    settings = Hyperparameters(seed=seed)
    head = make_head(train.tensors(), classes, seed)
    criterion = ClassificationLoss(label_smoothing=settings.label_smoothing)
    phase = head_phase(head, criterion, train.tensors(), valid.tensors(), settings)
    best, _ = fit(phase, range(1, settings.epochs + 1), None, Debugger())
    restore(head, best.parameters)
    return head


def logits_of(head: Head, values: Array) -> Array:
    """Return what the head says of features."""
    with torch.inference_mode():
        logits: Array = head(torch.from_numpy(values)).numpy()
    return logits


def softmax(logits: Array) -> Array:
    """Return probabilities."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Array = powers / powers.sum(axis=1, keepdims=True)
    return shares


def figures(scores: dict[str, Any]) -> dict[str, Any]:
    """Return a score's AUROC of near and far pictures, and the share above its threshold."""
    threshold = fit_threshold(scores["valid"], REFUSE_AT)
    far = np.concatenate([scores[kind] for kind in KINDS])
    return {
        "near": auroc(scores["test"], scores["near"]),
        "far": auroc(scores["test"], far),
        "far_by_kind": {kind: auroc(scores["test"], scores[kind]) for kind in KINDS},
        "known_refused": float((scores["test"] > threshold).mean()),
        "near_refused": float((scores["near"] > threshold).mean()),
        "far_refused": float((far > threshold).mean()),
    }


def joined(seeds: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the means over seeds, and how many promised points were kept."""
    names = ("near", "far", "known_refused", "near_refused", "far_refused")
    kept = [point["kept"] for one in seeds for point in one["promised"]]
    shown = [min(one["promised"], key=lambda point: abs(point["coverage"] - 0.8)) for one in seeds]
    return {
        "seeds": len(seeds),
        "pictures": seeds[0]["pictures"],
        "accuracy": statistics.mean(one["accuracy"] for one in seeds),
        "temperature": statistics.mean(one["temperature"] for one in seeds),
        "scores": {
            score: {
                **{
                    name: statistics.mean(one["scores"][score][name] for one in seeds)
                    for name in names
                },
                "known_refused_by_seed": [one["scores"][score]["known_refused"] for one in seeds],
                "far_by_kind": _by_kind([one["scores"][score]["far_by_kind"] for one in seeds]),
            }
            for score in seeds[0]["scores"]
        },
        "promises": {"kept": sum(kept), "of": len(kept), "at_80_percent": shown},
    }


def _by_kind(found: list[dict[str, float]]) -> dict[str, float]:
    return {kind: statistics.mean(one[kind] for one in found) for kind in KINDS}


def measure_serving(
    backbone: torch.nn.Module, info: FeatureInfo, pictures: Pictures, folder: Path, requests: int
) -> dict[str, Any]:
    """Answer one picture in turns by a model with and one without known.npz; compare p50.

    What is compared is CPU time: on a machine that does other things as well, it tells 2 %.
    """
    head = Head(info.dimension, len(info.classes))
    nothing: dict[str, object] = {}
    description = ModelDescription(
        info.backbone, info.classes, info.preprocessing(), 0, "", None, nothing, nothing, {}
    )
    known = fit_known(
        (Units(pictures.values), pictures.labels),
        (pictures.values[:500], pictures.labels[:500]),
        logits_of(head, pictures.values[:500]),
        len(info.classes),
        REFUSE_AT,
    )
    models: dict[str, Model] = {}
    for name in ("without", "with"):
        target = folder / name
        target.mkdir(parents=True, exist_ok=True)
        classifier = Classifier(backbone, head).eval()
        write_model(target, classifier, description)
        graph = target / GRAPH_FILE
        export_graph(WithFeatures(classifier), info.crop, graph, output_names=(LOGITS, FEATURES))
        if name == "with":
            write_known(target, known)
        models[name] = open_model(target, "graph")
    before = sum(path.stat().st_size for path in (folder / "without").iterdir())
    medians = _median_seconds(models, requests)
    return {
        "p50_cpu_ms": {name: 1000 * seconds for name, seconds in medians.items()},
        "known_bytes": (folder / "with" / KNOWN_FILE).stat().st_size,
        "artifact_bytes": before,
    }


def _median_seconds(models: dict[str, Model], requests: int) -> dict[str, float]:
    square = far_squares("smooth noise", 1, 400)[0].transpose(1, 2, 0)
    body = io.BytesIO()
    Image.fromarray(square).save(body, "JPEG")
    times: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(requests):
        for name in sorted(models, reverse=bool(turn % 2)):
            start = time.process_time()
            inference.respond(models[name], body.getvalue(), "image/jpeg", "application/json")
            times[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in times.items()}


if __name__ == "__main__":
    main()
