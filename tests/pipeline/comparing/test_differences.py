"""What differs is what somebody chose: nothing idle, nothing equal, the backbone first."""

import pytest

from pipeline.comparing.chosen import Chosen
from pipeline.comparing.differences import (
    backbone_words,
    differences,
    from_defaults,
    in_short,
    without_backbone,
)

DEFAULTS = Chosen(
    {
        "data.seed": "0",
        "backbone.name": "resnet18",
        "backbone.weights": "none",
        "backbone.seed": "0",
        "features.views": "1",
        "training.lr": "0.0003",
        "training.epochs": "15",
        "training.fine_tune_blocks": "0",
        "training.fine_tune_lr": "0.0001",
        "tuning.ranges.lr": "0.0001 to 0.01",
    },
    frozenset({"training.lr"}),
)


def run(**changes: str) -> Chosen:
    """A run of the defaults with other values; its learning rate was tuned."""
    given = {key.replace("__", "."): value for key, value in changes.items()}
    return Chosen({**DEFAULTS.values, "training.lr": "0.002", **given}, DEFAULTS.tuned)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "nothing"),
        ({"features__views": "4"}, "features.views=4"),
        ({"features__views": "1.0"}, "nothing"),  # the same number
        ({"data__seed": "1", "backbone__name": "alexnet"}, "backbone.name=alexnet data.seed=1"),
        ({"training__fine_tune_lr": "1"}, "nothing"),  # nothing is fine-tuned
        (
            {"training__fine_tune_lr": "1", "training__fine_tune_blocks": "2"},
            "training.fine_tune_blocks=2 training.fine_tune_lr=1",
        ),
        ({"backbone__weights": "imagenet", "backbone__seed": "7"}, "backbone.weights=imagenet"),
        ({"features__of_yesterday": "1"}, "nothing"),  # a setting that is no more: nobody's choice
        ({"tuning__ranges__lr": "null"}, "tuning.ranges.lr=null"),  # nothing tuned it
        ({"backbone__name": "\x1b[2J"}, "backbone.name=\\u001b[2J"),
    ],
)
def test_from_the_defaults_differs_what_a_run_was_told(changes: dict[str, str], words: str) -> None:
    assert in_short(from_defaults(run(**changes), DEFAULTS)) == words


def test_a_line_holds_some_and_counts_the_rest() -> None:
    found = from_defaults(run(features__views="4", training__epochs="30", data__seed="9"), DEFAULTS)
    assert in_short(found, longest=20) == "features.views=4 and 2 more"
    assert in_short(found, longest=1) == "features.views=4 and 2 more"
    assert in_short(None) == "-"


def test_two_runs_also_differ_in_what_the_tuner_chose() -> None:
    other = Chosen({**run().values, "training.lr": "0.0003"})
    (found,) = differences(run(), other)
    assert (found.key, found.texts()) == ("training.lr", ("0.002 (tuned)", "0.0003"))
    (turned,) = differences(other, run())
    assert turned.texts() == ("0.0003", "0.002 (tuned)")
    assert differences(run(), run()) == ()


def test_what_does_nothing_in_one_of_two_runs_is_a_dash_there() -> None:
    tuned = run(training__fine_tune_blocks="1")
    shown = {one.key: one.texts() for one in differences(tuned, run())}
    assert shown == {
        "training.fine_tune_blocks": ("1", "0"),
        "training.fine_tune_lr": ("0.0001", "-"),
    }


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (run(), "resnet18 random"),
        (run(backbone__weights="imagenet"), "resnet18 imagenet"),
        (Chosen({}), "-"),
        (None, "-"),
    ],
)
def test_a_backbone_is_named_with_its_weights(chosen: Chosen | None, words: str) -> None:
    assert backbone_words(chosen) == words


def test_where_the_backbone_is_shown_it_is_not_repeated() -> None:
    found = from_defaults(run(backbone__name="alexnet", features__views="2"), DEFAULTS)
    assert in_short(without_backbone(found)) == "features.views=2"
