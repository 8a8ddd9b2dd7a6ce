"""Measure the usual script's test accuracy after 20 epochs, on features computed only once.

    python -m benchmarks.usual_accuracy --data DIR --cache DIR --backbone NAME [--weights FILE]

A frozen backbone gives the same features for the same view of a picture, so each epoch's random
views go through it once and are kept; heads for every learning rate and seed then learn from them
exactly as the script's head does. The learning rate is the best on the validation pictures. A seed
decides the head's first weights, the order of the pictures and the order of the 20 passes. Prints
JSON: the learning rates tried, and each seed's answers on the test pictures.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torchvision.datasets import ImageFolder

from benchmarks.usual_script import (
    BATCH_SIZE,
    loader,
    pretrained,
    split_head,
    training_transform,
    validation_transform,
)
from graph import open_graph
from graphs.export import export_graph

EPOCHS = 20
LEARNING_RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Cached:
    """Features (passes, pictures, D) and classes (pictures,)."""

    features: npt.NDArray[np.float32]
    labels: Tensor


@dataclass(frozen=True)
class Learned:
    """A head after its best epoch on the validation pictures."""

    valid_accuracy: float
    test_predictions: Tensor


class Features:
    """Features by the frozen backbone, each pass over a folder kept in a file of its own."""

    def __init__(self, run: Callable[[Tensor], Tensor], cache: Path) -> None:
        self._run = run
        self._cache = cache

    def of(self, folder: Path, name: str, transform: Callable[..., Tensor], passes: int) -> Cached:
        """Return all passes over `folder`; those that are in the cache are not made again."""
        parts = [self._one(folder, f"{name}-{i}", transform, i) for i in range(passes)]
        return Cached(np.stack(parts), torch.tensor(ImageFolder(str(folder)).targets))

    def _one(
        self, folder: Path, name: str, transform: Callable[..., Tensor], seed: int
    ) -> npt.NDArray[np.float32]:
        path = self._cache / f"{name}.npy"
        if not path.is_file():
            torch.manual_seed(seed)
            data = loader(folder, transform, shuffle=False)
            parts = [self._run(pictures).numpy() for pictures, _ in data]
            np.save(path, np.concatenate(parts))
            print(f"{name}: {sum(map(len, parts))} pictures", file=sys.stderr, flush=True)
        values: npt.NDArray[np.float32] = np.load(path, mmap_mode="r")
        return values


def fast_backbone(backbone: nn.Module, cache: Path) -> Callable[[Tensor], Tensor]:
    """Run the backbone by ONNX Runtime: within 1e-3 of eager, checked on random pictures."""
    path = cache / "backbone.onnx"
    export_graph(backbone, 224, path)
    graph = open_graph(path, len(os.sched_getaffinity(0)))

    def run(pictures: Tensor) -> Tensor:
        return torch.from_numpy(graph.run(pictures.contiguous().numpy()))

    probe = torch.randn(4, 3, 224, 224)
    with torch.no_grad():
        difference = float((backbone(probe) - run(probe)).abs().max())
    if difference > 1e-3:
        raise SystemExit(f"ONNX Runtime differs from eager by {difference}")
    return run


def learn(
    train: Cached, valid: Cached, test: Cached, classes: int, *, lr: float, seed: int
) -> Learned:
    """Train the script's head for 20 epochs; keep that with the best validation accuracy."""
    torch.manual_seed(seed)
    head = nn.Linear(train.features.shape[2], classes)
    optimizer = torch.optim.AdamW(head.parameters(), lr=lr)
    criterion = nn.CrossEntropyLoss()
    best: Learned | None = None
    for chosen in torch.randperm(EPOCHS):
        features = torch.from_numpy(np.array(train.features[chosen]))
        for rows in torch.split(torch.randperm(len(train.labels)), BATCH_SIZE):
            loss = criterion(head(features[rows]), train.labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        accuracy = float((predictions(head, valid) == valid.labels).float().mean())
        if best is None or accuracy > best.valid_accuracy:
            best = Learned(accuracy, predictions(head, test))
    if best is None:
        raise ValueError("no epochs")
    return best


@torch.no_grad()
def predictions(head: nn.Module, cached: Cached) -> Tensor:
    """Predict the class of every picture, in order."""
    chosen: Tensor = head(torch.from_numpy(np.array(cached.features[0]))).argmax(1)
    return chosen


def main() -> None:
    """Compute features, choose the learning rate, and print the answers of each seed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ valid/ test/")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--backbone", default="mobilenet_v2")
    parser.add_argument("--weights", type=Path)
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    backbone, _ = split_head(pretrained(options.backbone, options.weights))
    features = Features(fast_backbone(backbone, options.cache), options.cache)
    train = features.of(options.data / "train", "train", training_transform(), EPOCHS)
    valid = features.of(options.data / "valid", "valid", validation_transform(), 1)
    test = features.of(options.data / "test", "test", validation_transform(), 1)
    data = ImageFolder(str(options.data / "test"))
    classes = len(data.classes)
    tried = {
        lr: learn(train, valid, test, classes, lr=lr, seed=SEEDS[0]).valid_accuracy
        for lr in LEARNING_RATES
    }
    lr = max(tried, key=lambda value: tried[value])
    runs = [learn(train, valid, test, classes, lr=lr, seed=seed) for seed in SEEDS]
    root = options.data / "test"
    result = {
        "learning_rates": {str(key): value for key, value in tried.items()},
        "lr": lr,
        "files": [str(Path(path).relative_to(root)) for path, _ in data.samples],
        "right": [(run.test_predictions == test.labels).int().tolist() for run in runs],
        "valid_accuracy": [run.valid_accuracy for run in runs],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
