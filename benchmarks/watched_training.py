"""Trains the same again and again: unwatched, with Debugger's hook, with rules, profiled.

    python -m benchmarks.watched_training --part head --parameters JSON --rounds N --steps N

Run with training_code/ and inference_code/ on the path. `parameters` are the hyperparameters
debug_collections and debug_rules of the definition. Data are random: what is measured is time.
Prints JSON: for each way to watch, seconds of every round, in turns.
"""

import argparse
import contextlib
import io
import json
import math
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from debug_plan import DebugPlan, read_plan
from debugging import Debugger, open_debugger
from feature_set import Features
from head_training import head_phase, make_head
from hyperparameters import Hyperparameters, parse_hyperparameters
from network import Classifier, Head, build_backbone, use_available_cores
from profiling import FOLDER as PROFILE
from profiling import Profiler, open_profiler
from training_loop import ClassificationLoss, Phase, fit, make_optimizer

# about the dogs' size: 120 classes, mobilenet_v2's features
CLASSES, DIMENSION, VALID, BATCH = 120, 1280, 840, 64
TRAIN_STEPS = 105  # an epoch of the head
FINE_TUNING_BATCH, PICTURE, UNFROZEN = 8, 64, 3


@dataclass(frozen=True)
class Watch:
    """A way to watch: what is saved and judged, and whether it is profiled."""

    plan: DebugPlan
    profiled: bool = False


def ways(parameters: dict[str, str]) -> dict[str, Watch]:
    """Unwatched first: what the others are compared with."""
    saved = parameters["debug_collections"]
    return {
        "off": Watch(DebugPlan()),
        "hook": Watch(read_plan(saved, "", "")),
        "hook and rules": Watch(read_plan(saved, parameters["debug_rules"], "")),
        "profiler": Watch(DebugPlan(), profiled=True),
    }


def head_training(settings: Hyperparameters) -> Callable[[], Phase]:
    """The head on random features around its classes' centres."""
    centres = torch.randn(CLASSES, DIMENSION)

    def features(count: int) -> Features:
        labels = torch.arange(count) % CLASSES
        return Features((centres[labels] + 4 * torch.randn(count, DIMENSION))[None], labels)

    train, valid = features(TRAIN_STEPS * BATCH), features(VALID)

    def make() -> Phase:
        head = make_head(train, CLASSES, 0)
        return head_phase(head, ClassificationLoss(), train, valid, settings)

    return make


def fine_tuning(settings: Hyperparameters, steps: int) -> Callable[[], Phase]:
    """mobilenet_v2 with its last blocks unfrozen, on small random pictures."""
    pictures = torch.randn(FINE_TUNING_BATCH, 3, PICTURE, PICTURE)
    batch: tuple[Tensor, Tensor] = pictures, torch.arange(FINE_TUNING_BATCH) % CLASSES

    def make() -> Phase:
        torch.manual_seed(0)
        network = Classifier(build_backbone("mobilenet_v2", 0), Head(DIMENSION, CLASSES))
        network.requires_grad_(False)
        trained: list[nn.Module] = [*list(network.backbone.features)[-UNFROZEN:], network.head]  # type: ignore[arg-type]
        parameters = [p.requires_grad_(True) for part in trained for p in part.parameters()]
        network.eval()  # frozen statistics, as in fine-tuning
        optimizer, schedule = make_optimizer(settings, [{"params": parameters, "lr": 1e-4}], steps)
        return Phase(
            network=network,
            optimizer=optimizer,
            schedule=schedule,
            criterion=ClassificationLoss(),
            train_batches=lambda _: (batch for _ in range(steps)),
            valid_batches=lambda: iter([batch]),
            set_training=lambda _: None,
            lr_name="fine_tune_lr",
            name="fine-tuning",
        )

    return make


def train_once(make: Callable[[], Phase], watch: Watch, epochs: int) -> dict[str, float]:
    """Seconds of the loop and of what watches it, from the first step to the last file.

    `own` is what they timed of themselves: the noise of the machine is not in it.
    """
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        phase = make()
        debugger: Debugger = open_debugger({"SM_OUTPUT_DATA_DIR": folder}, watch.plan)
        wall, cpu = time.perf_counter(), time.process_time()
        debugger.watch(phase.network, phase.criterion)
        profiler: Profiler = open_profiler(watch.profiled, debugger.seconds)
        fit(phase, range(1, epochs + 1), None, debugger, profiler)
        debugger.close()
        profiler.write(Path(folder), BATCH)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        own = debugger.seconds()
        if watch.profiled:
            profile = json.loads((Path(folder) / PROFILE / "profile.json").read_text())
            own += profile["overhead_seconds"]
        return {"wall": wall, "cpu": cpu, "own": own}


def main() -> None:
    """Every way in turns, so that whatever else the machine does meets them alike."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--parameters", type=json.loads, required=True)
    parser.add_argument("--part", choices=("head", "fine-tuning"), required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    options = parser.parse_args()
    use_available_cores()
    torch.manual_seed(0)
    settings = parse_hyperparameters(["--batch_size", str(BATCH), "--lr", "0.001"])
    epochs = math.ceil(options.steps / TRAIN_STEPS) if options.part == "head" else 1
    settings = replace(settings, epochs=epochs)
    is_head = options.part == "head"
    make = head_training(settings) if is_head else fine_tuning(settings, options.steps)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ways(options.parameters)}
    for number in range(-1, options.rounds):  # the first warms up
        watches = list(ways(options.parameters).items())
        random.Random(number).shuffle(watches)  # noqa: S311 (no secret)
        for name, watch in watches:
            seconds: dict[str, Any] = train_once(make, watch, epochs)
            if number >= 0:
                found[name].append(seconds)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
