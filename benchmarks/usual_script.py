"""Train by transfer learning as most people write it: the usual script that we measure against.

    python -m benchmarks.usual_script --data DIR --backbone mobilenet_v2 [--weights FILE]

ImageFolder, torchvision's transforms, a DataLoader with a worker a core, a frozen backbone in eval
mode under no_grad and channels_last, a linear head that learns, a validation pass each epoch.
Prints one JSON line an epoch: seconds, pictures and accuracies.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BATCH_SIZE = 64


def training_transform() -> Any:
    """Return the random crops and flips that nearly every script trains on."""
    steps = [transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip()]
    return transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(MEAN, STD)])


def validation_transform() -> Any:
    """Return the centre crop that the script validates and tests on."""
    steps = [transforms.Resize(256), transforms.CenterCrop(224)]
    return transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(MEAN, STD)])


def loader(folder: Path, transform: Any, shuffle: bool) -> DataLoader[Tensor]:
    """Load batches of 64 from a folder a class, by one worker a core."""
    workers = len(os.sched_getaffinity(0))
    data = ImageFolder(str(folder), transform)
    return DataLoader(data, BATCH_SIZE, shuffle=shuffle, num_workers=workers)


def pretrained(name: str, weights: Path | None) -> nn.Module:
    """Load torchvision's model with its weights (those of its head may be absent), frozen."""
    model: nn.Module = torchvision.models.get_model(name)
    if weights is not None:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        model.load_state_dict(state, strict=False)
    return model.requires_grad_(False).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def split_head(model: Any) -> tuple[nn.Module, int]:
    """Return the model without its last layer, and the number of features it gives."""
    if isinstance(model, torchvision.models.ResNet):
        dimension = model.fc.in_features
        model.fc = nn.Identity()
        return model, dimension
    if isinstance(model, torchvision.models.SqueezeNet):
        dimension = model.classifier[1].in_channels
        model.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return model, dimension
    dimension = model.classifier[-1].in_features
    model.classifier[-1] = nn.Identity()
    return model, dimension


def batches(loader: DataLoader[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield pictures (N, 3, 224, 224) in channels_last, and their classes."""
    for pictures, labels in loader:
        yield pictures.to(memory_format=torch.channels_last), labels


def train_epoch(
    backbone: nn.Module, head: nn.Module, optimizer: torch.optim.Optimizer, data: DataLoader[Tensor]
) -> int:
    """Train for one pass; returns the number of pictures."""
    criterion, seen = nn.CrossEntropyLoss(), 0
    for pictures, labels in batches(data):
        with torch.no_grad():
            features = backbone(pictures)
        loss = criterion(head(features), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen += len(labels)
    return seen


@torch.no_grad()
def accuracy(backbone: nn.Module, head: nn.Module, data: DataLoader[Tensor]) -> tuple[float, int]:
    """Return the share of right answers, and the number of pictures."""
    right = seen = 0
    for pictures, labels in batches(data):
        right += int((head(backbone(pictures)).argmax(1) == labels).sum())
        seen += len(labels)
    return right / seen, seen


def main() -> None:
    """Train, and print what each epoch took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and valid/")
    parser.add_argument("--backbone", default="mobilenet_v2")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--lr", type=float, default=1e-3)
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    backbone, dimension = split_head(pretrained(options.backbone, options.weights))
    train = loader(options.data / "train", training_transform(), shuffle=True)
    valid = loader(options.data / "valid", validation_transform(), shuffle=False)
    head = nn.Linear(dimension, len(train.dataset.classes))  # type: ignore[attr-defined]
    optimizer = torch.optim.AdamW(head.parameters(), lr=options.lr)
    for epoch in range(1, options.epochs + 1):
        start = time.perf_counter()
        trained = train_epoch(backbone, head, optimizer, train)
        middle = time.perf_counter()
        value, validated = accuracy(backbone, head, valid)
        result = {
            "epoch": epoch,
            "train_seconds": middle - start,
            "seconds": time.perf_counter() - start,
            "pictures": trained + validated,
            "train_pictures": trained,
            "valid_accuracy": value,
        }
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
