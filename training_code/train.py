"""Train the head on cached features, then, if asked for, the last blocks on pictures.

The script of the steps Tune and Train.
Reads the channel `features` (from features.py) and, to fine-tune or to check the graph that will
serve, `dataset` (from prepare.py); hyperparameters arrive as `--name value`. Logs one metric line
an epoch, and keeps the epoch with the best validation accuracy of both phases. With the
hyperparameter `part` it searches several settings instead (searching/part.py), with `settings`
alone it takes the best of them (searching/choice.py).
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import load_file

from debugger.plan import DebugPlan, read_plan
from debugger.rules_file import DEBUG_FOLDER, keep_outcomes
from debugger.session import Debugger, config_file, open_debugger
from extraction import feature_files
from extraction.feature_files import BACKBONE_FILE, FeatureInfo, read_features
from hyperparameters import Hyperparameters, parse_hyperparameters
from job.checkpoint_place import checkpoint_folder
from job.errors import JobError, run_job
from job.log import log
from job.malloc_tuning import keep_freed_memory
from job.stopping import stoppable
from learning.distributed import Replicas, join_replicas
from learning.head_training import CHUNK, head_phase, make_head
from learning.model_summary import write_summary
from learning.optimizers import FULL_BATCH
from learning.training_loop import (
    KEEPS_NOTHING,
    Checkpoint,
    ClassificationLoss,
    EpochResult,
    Keeper,
    fit,
    make_criterion,
    restore,
    trained_parameters,
)
from learning.training_outputs import write_artifact, write_head, write_history
from network import Classifier, Head, best_device, build_backbone, load_state, use_available_cores
from pictures import dataset
from profiler.session import Profiler, open_profiler
from searching.choice import with_best
from searching.part import search_part


@dataclass(frozen=True)
class Folders:
    """The training container's folders; `dataset` is None when the job has no such channel."""

    features: Path
    dataset: Path | None
    model: Path
    output: Path


def find_folders(environ: Mapping[str, str], settings: Hyperparameters) -> Folders:
    """Read the container's SM_* variables; raise JobError when a channel is missing."""
    if "SM_CHANNEL_FEATURES" not in environ:
        raise JobError("the job has no channel 'features': training needs what features.py wrote")
    pictures = environ.get("SM_CHANNEL_DATASET")
    if settings.fine_tune_blocks > 0 and pictures is None:
        raise JobError(
            f"hyperparameter fine_tune_blocks is {settings.fine_tune_blocks}, but the job has no "
            "channel 'dataset' with the pictures: add it, or set fine_tune_blocks to 0"
        )
    if settings.graph != "none" and settings.export and pictures is None:
        raise JobError(
            f"hyperparameter graph is {settings.graph}, but the job has no channel 'dataset' with "
            "the pictures to check the graph on: add it, or set graph to none"
        )
    return Folders(
        features=Path(environ["SM_CHANNEL_FEATURES"]),
        dataset=None if pictures is None else Path(pictures),
        model=Path(environ["SM_MODEL_DIR"]),
        output=Path(environ["SM_OUTPUT_DATA_DIR"]),
    )


def debug_plan(settings: Hyperparameters) -> DebugPlan:
    """Return what to save and judge in a job that SageMaker Debugger does not configure.

    Intervals count batches: a step that looks at more pictures counts as so many of them.
    """
    plan = read_plan(settings.debug_collections, settings.debug_rules, settings.debug_stop_on)
    full = settings.optimizer in FULL_BATCH
    return plan.counting(max(1, CHUNK // settings.batch_size)) if full else plan


@contextmanager
def watching(
    settings: Hyperparameters, output: Path, environ: Mapping[str, str], *, first: bool
) -> Iterator[tuple[Debugger, Profiler]]:
    """Open debugger and profiler; write what they saw, however the training ends.

    Only the first of several processes is watched.
    """
    debugger = open_debugger(environ, debug_plan(settings)) if first else Debugger()
    hook_seconds = debugger.seconds if debugger.active else None
    profiler = open_profiler(settings.profile and first, hook_seconds)
    try:
        yield debugger, profiler
    finally:
        debugger.close()
        full = settings.optimizer in FULL_BATCH
        profiler.write(output, None if full else settings.batch_size)


def load_classifier(folder: Path, info: FeatureInfo, head: Head) -> Classifier:
    """Load the backbone that made the features, with a copy of the trained head on it."""
    backbone = build_backbone(info.backbone, info.seed)
    load_state(backbone, load_file(folder / BACKBONE_FILE))
    own_head = Head(info.dimension, len(info.classes))  # a debug hook takes no module twice
    own_head.load_state_dict(head.state_dict())
    return Classifier(backbone, own_head)


def fine_tune(
    classifier: Classifier,
    criterion: ClassificationLoss,
    *,
    folder: Path,
    output: Path,
    info: FeatureInfo,
    settings: Hyperparameters,
    best: Checkpoint,
    debugger: Debugger,
    profiler: Profiler,
    keeper: Keeper,
    replicas: Replicas,
) -> tuple[Checkpoint, list[EpochResult]]:
    """Fine-tune from the trained head on; leave the best epoch of both phases in `classifier`."""
    from learning.fine_tuning import fine_tuning_phase  # noqa: PLC0415 - a trial of the head needs none

    if dataset.read_info(folder)["fingerprint"] != info.fingerprint:
        raise JobError("channels 'dataset' and 'features' are not of the same data: run both again")
    train, valid = dataset.open_split(folder, "train"), dataset.open_split(folder, "valid")
    classifier.to(device=best_device(), memory_format=torch.channels_last)  # type: ignore[call-overload]
    criterion.to(best_device())
    with tempfile.TemporaryDirectory() as scratch:
        phase = fine_tuning_phase(
            classifier,
            criterion,
            train=train,
            valid=valid,
            preprocessing=info.preprocessing(),
            settings=settings,
            scratch=Path(scratch),
            replicas=replicas,
        )
        if replicas.first:
            write_summary(output, classifier, info.preprocessing().crop)  # before there are hooks
        debugger.watch(phase.network, criterion)
        phase = replace(phase, network=replicas.together(phase.network))
        start = Checkpoint(best.result, trained_parameters(phase.network))
        first = settings.epochs + 1
        epochs = range(first, first + settings.fine_tune_epochs)
        return fit(phase, epochs, start, debugger, profiler, keeper=keeper)


def keeper_of(
    settings: Hyperparameters,
    features: Path,
    environ: Mapping[str, str],
    replicas: Replicas,
    debugger: Debugger,
) -> Keeper:
    """Return what keeps how far the training is, where the job has a place for checkpoints."""
    # SageMaker Debugger keeps the tensors of an attempt under its own name: go on in no other.
    folder = checkpoint_folder(environ, of_attempt=config_file(environ) is not None)
    if folder is None:
        return KEEPS_NOTHING
    from learning import identity, resuming  # noqa: PLC0415 - most jobs keep no checkpoints

    if not replicas.first:
        return resuming.follow_keeper(debugger)
    info = feature_files.read_info(features)
    own = identity.identity_of(settings, info, features, replicas)
    return resuming.open_keeper(folder, own, debugger)


def main(arguments: list[str] | None = None, environ: Mapping[str, str] = os.environ) -> None:
    """Run the job, from hyperparameters and channels to the model folder."""
    settings = parse_hyperparameters(sys.argv[1:] if arguments is None else arguments)
    settings = with_best(settings, environ)
    folders = find_folders(environ, settings)
    use_available_cores()
    keep_freed_memory()
    torch.use_deterministic_algorithms(True, warn_only=True)
    # nothing here reads memory before it is written
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if settings.part:
        search_part(settings, folders.features, folders.model, folders.output)
        return
    keeps = checkpoint_folder(environ, of_attempt=False) is not None
    with stoppable() if keeps else nullcontext(), join_replicas(environ) as replicas:
        train(settings, folders, environ, replicas)


def train(
    settings: Hyperparameters, folders: Folders, environ: Mapping[str, str], replicas: Replicas
) -> None:
    """Train; the first of the replicas alone trains the head, watches, and writes the result."""
    info = feature_files.read_info(folders.features)
    split = read_features(folders.features, "train")
    criterion = make_criterion(settings, split.labels, len(info.classes))
    head = make_head(split, len(info.classes), settings.seed)
    with watching(settings, folders.output, environ, first=replicas.first) as (debugger, profiler):
        debugger.watch(head, criterion)
        keeper = keeper_of(settings, folders.features, environ, replicas, debugger)
        valid = read_features(folders.features, "valid")
        phase = head_phase(head, criterion, split, valid, settings)
        epochs = range(1, settings.epochs + 1)
        best, history = replicas.from_first(
            lambda: fit(phase, epochs, None, debugger, profiler, keeper=keeper)
        )
        restore(head, best.parameters)

        if settings.fine_tune_blocks > 0 and folders.dataset is not None:
            classifier = load_classifier(folders.features, info, head)
            best, more = fine_tune(
                classifier,
                criterion,
                folder=folders.dataset,
                output=folders.output,
                info=info,
                settings=settings,
                best=best,
                debugger=debugger,
                profiler=profiler,
                keeper=keeper,
                replicas=replicas,
            )
            head, history = classifier.head, history + more
        elif settings.export:
            classifier = load_classifier(folders.features, info, head)
            classifier.backbone.requires_grad_(False)
            write_summary(folders.output, classifier, info.preprocessing().crop)
    if not replicas.first:
        return

    write_history(folders.output, history)
    if settings.export:
        write_artifact(
            folders.model,
            classifier,
            info,
            settings,
            best.result,
            features=folders.features,
            dataset=folders.dataset,
        )
        keep_outcomes(folders.output / DEBUG_FOLDER, folders.model)
    else:
        write_head(folders.model, head, best.result)
    log(best.line())


if __name__ == "__main__":
    run_job(main)
