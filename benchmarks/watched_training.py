r"""Train the same side by side: unwatched, with Debugger's hook, with rules, profiled.

    python -m benchmarks.watched_training --part head --parameters JSON --rounds N --steps N \\
        --work FOLDER

Run with training_code/ and inference_code/ on the path. `parameters` are the hyperparameters
debug_collections and debug_rules of the definition. Data are random: what is measured is time.
Prints JSON: for each way to watch, seconds of every round.
"""

import argparse
import contextlib
import io
import json
import math
import random
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.turns import Turns
from debugger.plan import DebugPlan, read_plan
from debugger.session import Debugger, open_debugger
from extraction.feature_files import Features
from hyperparameters import Hyperparameters, parse_hyperparameters
from job.malloc_tuning import keep_freed_memory
from learning.head_training import head_phase, make_head
from learning.training_loop import ClassificationLoss, Phase, fit, make_optimizer
from network import Classifier, Head, build_backbone, use_available_cores
from profiler.session import FOLDER as PROFILE
from profiler.session import Profiler
from profiler.system import SystemSampler

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
    """Return the ways to watch, unwatched first: what the others are compared with."""
    saved = parameters["debug_collections"]
    return {
        "off": Watch(DebugPlan()),
        "unwatched again": Watch(DebugPlan()),  # what the machine's noise alone makes of it
        "hook": Watch(read_plan(saved, "", "")),
        "hook and rules": Watch(read_plan(saved, parameters["debug_rules"], "")),
        "profiler": Watch(DebugPlan(), profiled=True),
    }


def head_training(settings: Hyperparameters) -> Callable[[], Phase]:
    """Return a factory for training the head on random features around its classes' centres."""
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
    """Return a factory for fine-tuning mobilenet_v2's last blocks on small random pictures."""
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


@dataclass
class Training:
    """One training that takes turns; `sampled` is the share of all time that the sampler took."""

    phase: Phase
    debugger: Debugger
    profiled: bool
    output: Path
    sampled: float = 0.0

    def run(self, epochs: int) -> None:
        """Train from the first step to the last file."""
        sampler = SystemSampler() if self.profiled else None
        if sampler:
            sampler.start()
        profiler = Profiler(sampler, self.debugger.seconds if self.debugger.active else None)
        self.debugger.watch(self.phase.network, self.phase.criterion)
        fit(self.phase, range(1, epochs + 1), None, self.debugger, profiler)
        self.debugger.close()
        profiler.write(self.output, BATCH)
        if sampler:
            self.sampled = sampler.cost_seconds / sampler.samples[-1].seconds

    def own_seconds(self) -> float:
        """Return the seconds that watching timed of itself, without the noise of the machine."""
        if not self.profiled:
            return self.debugger.seconds()
        profile = json.loads((self.output / PROFILE / "profile.json").read_text())
        return float(profile["overhead_seconds"])


def train_all(
    make: Callable[[], Phase], watches: Mapping[str, Watch], epochs: int, work: Path, seed: int
) -> dict[str, dict[str, float]]:
    """Train once in each way to watch, in turns; return its `wall`, `cpu` and `own` seconds.

    Trainings are made in a new order for every seed, as memory is dealt out in that order. The
    profiler's sampler is a thread that runs in everybody's turns; its share is added to the
    training that has it.
    """
    turns, trainings = Turns(list(watches), seed), {}
    with tempfile.TemporaryDirectory(dir=work) as folder:
        for name in random.Random(seed).sample(list(watches), len(watches)):  # noqa: S311 (no secret)
            watch, output = watches[name], Path(folder, name)
            debugger = open_debugger({"SM_OUTPUT_DATA_DIR": str(output)}, watch.plan)
            phase = _in_turns(make(), turns, name)
            trainings[name] = Training(phase, debugger, watch.profiled, output)
        turns.run({name: partial(one.run, epochs) for name, one in trainings.items()})
        return {
            name: {
                "wall": turns.wall[name] * (1 + one.sampled),
                "cpu": turns.cpu[name] * (1 + one.sampled),
                "own": one.own_seconds(),
            }
            for name, one in trainings.items()
        }


def _in_turns(phase: Phase, turns: Turns, name: str) -> Phase:
    return replace(phase, train_batches=lambda epoch: turns.share(name, phase.train_batches(epoch)))


def main() -> None:
    """Run all rounds, after one that warms up, and print their seconds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--parameters", type=json.loads, required=True)
    parser.add_argument("--part", choices=("head", "fine-tuning"), required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    use_available_cores()
    keep_freed_memory()  # as a job does
    torch.manual_seed(0)
    settings = parse_hyperparameters(["--batch_size", str(BATCH), "--lr", "0.001"])
    epochs = math.ceil(options.steps / TRAIN_STEPS) if options.part == "head" else 1
    settings = replace(settings, epochs=epochs)
    is_head = options.part == "head"
    make = head_training(settings) if is_head else fine_tuning(settings, options.steps)
    watches = ways(options.parameters)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in watches}
    for number in range(-1, options.rounds):
        with contextlib.redirect_stdout(io.StringIO()):
            seconds = train_all(make, watches, epochs, options.work, number)
        for name in watches if number >= 0 else ():
            found[name].append(seconds[name])
    print(json.dumps(found))


if __name__ == "__main__":
    main()
