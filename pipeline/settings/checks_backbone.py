"""Check what depends on the backbone, by the table of torchvision's models: without torch."""

from collections.abc import Callable, Iterator

from pipeline.settings.errors import Problem
from pipeline.settings.model import Settings
from pipeline.suggestions import suggest
from training_code.backbones import BACKBONES


def backbone_is_known(settings: Settings) -> Iterator[Problem]:
    """Check that torchvision has the backbone."""
    name = settings.backbone.name
    if name not in BACKBONES:
        what = f"{name!r} is no classification model of torchvision"
        yield Problem(("backbone", "name"), f"{what}; {suggest(name, tuple(BACKBONES))}")


def crop_goes_into_the_backbone(settings: Settings) -> Iterator[Problem]:
    """Check that the backbone takes pictures of that size."""
    backbone, crop = BACKBONES.get(settings.backbone.name), settings.preprocessing.crop
    if backbone and not backbone.takes(crop):
        what = f"{settings.backbone.name} takes {backbone.sizes()} pixels, not {crop}"
        yield Problem(("preprocessing", "crop"), what)


def blocks_are_there(settings: Settings) -> Iterator[Problem]:
    """Check that the backbone has as many blocks as are to be fine-tuned."""
    backbone, count = BACKBONES.get(settings.backbone.name), settings.training.fine_tune_blocks
    if backbone and count > backbone.blocks:
        what = f"{count} is more than the {backbone.blocks} blocks of {settings.backbone.name}"
        yield Problem(("training", "fine_tune_blocks"), what)


BACKBONE_CHECKS: tuple[Callable[[Settings], Iterator[Problem]], ...] = (
    backbone_is_known,
    crop_goes_into_the_backbone,
    blocks_are_there,
)
