"""Set up fine-tuning of head and last backbone blocks, on cached activations or pictures."""

import math
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from extraction.runtime import open_runtime
from hyperparameters import Hyperparameters
from job.errors import JobError
from job.log import log
from learning.activation_cache import NotCacheable, Pictures, cache_activations
from learning.distributed import ALONE, Replicas
from learning.fine_tuning_data import CachedSource, PictureSource, Plan, Source
from learning.network_cut import CannotCut, cut
from learning.training_loop import ClassificationLoss, Phase, make_optimizer
from network import Classifier, blocks
from pictures.dataset import Split
from preprocessing import Preprocessing

HEAD_LR_SHARE = 0.1  # the head starts trained: it moves on more slowly than it began


def fine_tuning_phase(
    classifier: Classifier,
    criterion: ClassificationLoss,
    *,
    train: Split,
    valid: Split,
    preprocessing: Preprocessing,
    settings: Hyperparameters,
    scratch: Path,
    replicas: Replicas = ALONE,
) -> Phase:
    """Build the phase in which the last blocks and the head learn; unfreeze those blocks.

    The phase's network is the whole classifier on pictures, or only its trainable part (with the
    same parameters under the same names) on activations kept in the folder `scratch`.
    Of several `replicas`, each has its share of the pictures.
    Raises JobError when the backbone has fewer blocks than asked for.
    """
    unfrozen = unfreeze(classifier, settings.fine_tune_blocks)
    plan = Plan(
        train=_pictures(train, preprocessing, settings, replicas),
        valid=_pictures(valid, preprocessing, settings, replicas),
        settings=settings,
        replicas=replicas,
    )
    network, source = _cached(classifier, unfrozen, plan, scratch)
    steps = math.ceil(len(train.labels) / settings.batch_size) * settings.fine_tune_epochs
    groups: list[dict[str, object]] = [
        {"params": _parameters(unfrozen), "lr": settings.fine_tune_lr},
        {"params": list(classifier.head.parameters()), "lr": settings.lr * HEAD_LR_SHARE},
    ]
    optimizer, schedule = make_optimizer(settings, groups, steps)
    return Phase(
        network=network,
        optimizer=optimizer,
        schedule=schedule,
        criterion=criterion,
        train_batches=source.train_batches,
        valid_batches=source.valid_batches,
        set_training=partial(set_training, network, unfrozen),
        lr_name="fine_tune_lr",
        name="fine_tuning",
        to_device=source.to_device,
        replicas=replicas,
    )


def _pictures(
    split: Split, preprocessing: Preprocessing, settings: Hyperparameters, replicas: Replicas
) -> Pictures:
    rows = replicas.own(np.arange(len(split.labels)))
    return Pictures(split, rows, preprocessing, settings.seed)


def _cached(
    classifier: Classifier, unfrozen: list[nn.Module], plan: Plan, scratch: Path
) -> tuple[Classifier, Source]:
    """Return the trainable part on cached activations if possible, else the whole on pictures."""
    device = next(classifier.parameters()).device
    if plan.settings.fine_tune_views == 0:
        return classifier, PictureSource(plan, device)
    found: tuple[Classifier, Source] | None = None
    reason = "another process cannot keep its own"
    try:
        parts = cut(classifier.backbone, unfrozen)
        source = _fill(parts.frozen, plan, device, scratch)
        found = Classifier(parts.moving, classifier.head), source
    except (CannotCut, NotCacheable) as error:
        reason = str(error)
    able = plan.replicas.total(torch.tensor(float(found is not None)))
    if found and able == plan.replicas.count:  # all must train the same network
        return found
    log(f"frozen activations are not kept: {reason}")
    return classifier, PictureSource(plan, device)


def _fill(frozen: nn.Module, plan: Plan, device: torch.device, scratch: Path) -> CachedSource:
    cores = torch.get_num_threads()
    random, plain = range(1, plan.views + 1), range(1)
    try:
        runtime = open_runtime(frozen, plan.train.preprocessing, plan.settings.batch_size, cores)
        valid = cache_activations(runtime, plan.valid, plain, scratch / "valid.npy")
        train = cache_activations(runtime, plan.train, random, scratch / "train.npy")
    finally:
        torch.set_num_threads(cores)  # the pass ran one thread a batch, training has all for each
    return CachedSource(plan, device, train, valid)


def unfreeze(classifier: Classifier, count: int) -> list[nn.Module]:
    """Make the head and the last `count` blocks trainable, and nothing else; return the blocks.

    Raises JobError when there are fewer blocks.
    """
    found = blocks(classifier.backbone)
    if count > len(found):
        raise JobError(
            f"hyperparameter fine_tune_blocks is {count}; this backbone has {len(found)} blocks"
        )
    classifier.backbone.requires_grad_(False)
    unfrozen = [module for block in found[len(found) - count :] for module in block]
    for module in unfrozen:
        module.requires_grad_(True)
    return unfrozen


def set_training(classifier: Classifier, unfrozen: list[nn.Module], on: bool) -> None:
    """Put head and unfrozen blocks into training mode or out of it.

    BatchNorm keeps its running statistics.
    """
    classifier.eval()
    if not on:
        return
    classifier.head.train()
    for block in unfrozen:
        for module in block.modules():
            module.training = not isinstance(module, nn.modules.batchnorm._NormBase)


def _parameters(modules: list[nn.Module]) -> list[nn.Parameter]:
    return [parameter for module in modules for parameter in module.parameters()]
