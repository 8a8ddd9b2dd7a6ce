"""Check the backbone that our scripts are given, and what they do with it: before it is paid."""

from collections.abc import Collection, Iterator

from pipeline.check.document import CheckedDefinition
from pipeline.check.findings import Problem
from pipeline.check.functions import known_value
from pipeline.check.jobs import bundled_script, options
from pipeline.check.rules.rule import Rule, rule
from pipeline.definition.node import Node, shown
from pipeline.suggestions import suggest
from training_code.backbones import BACKBONES

_FEATURES, _TRAIN = ("features.py", "prepare_features.py"), ("train.py",)


@rule("backbone")
def backbones(document: CheckedDefinition) -> Iterator[Problem]:
    """Report a backbone that torchvision has not, and pictures of a size that it does not take."""
    for given in _given(document, _FEATURES):
        if "backbone" not in given:
            continue
        place, name = given["backbone"]
        backbone = BACKBONES.get(name)
        if backbone is None:
            what = f"{shown(name)} is no classification model of torchvision"
            yield Problem(place.path, what, suggest(name, tuple(BACKBONES)))
        elif "crop" in given:
            place, crop = given["crop"]
            if (size := _whole(crop)) is not None and not backbone.takes(size):
                what = f"{name} takes {backbone.sizes()} pixels, not {crop}"
                yield Problem(place.path, what, "give another size, or another backbone")


@rule("fine-tune-blocks")
def fine_tuned_blocks(document: CheckedDefinition) -> Iterator[Problem]:
    """Report more blocks to fine-tune than the definition's one backbone has."""
    names = {one["backbone"][1] for one in _given(document, _FEATURES) if "backbone" in one}
    name = names.pop() if len(names) == 1 else ""
    backbone = BACKBONES.get(name)
    for given in _given(document, _TRAIN) if backbone else ():
        if "fine_tune_blocks" in given:
            place, count = given["fine_tune_blocks"]
            if backbone and (_whole(count) or 0) > backbone.blocks:
                what = f"{count} blocks are to be fine-tuned; {name} has {backbone.blocks}"
                yield Problem(place.path, what, f"give at most {backbone.blocks}")


def _given(
    document: CheckedDefinition, scripts: Collection[str]
) -> Iterator[dict[str, tuple[Node, str]]]:
    """Yield, for each job of such scripts, its options: where a value stands, and its text."""
    for step in document.of_type("Processing", "Training"):
        if bundled_script(step) in scripts:
            values = {
                name: (value, known_value(document, value)) for name, _, value in options(step)
            }
            yield {
                name: (place, text)
                for name, (place, text) in values.items()
                if isinstance(text, str)
            }


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


RULES: tuple[Rule, ...] = (backbones, fine_tuned_blocks)
