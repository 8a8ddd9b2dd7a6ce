"""The regexes read exactly the lines that train.py prints."""

import re

import pytest

from learning.training_loop import Checkpoint, EpochResult
from pipeline.job_scripts.metrics import REGEXES, objective_type

RESULT = EpochResult(
    epoch=3, train_loss=0.123456, train_accuracy=0.912345, valid_loss=1.5e-7, valid_accuracy=0.8
)


def values_in(text: str) -> dict[str, list[float]]:
    found = {name: re.findall(regex, text) for name, regex in REGEXES.items()}
    return {name: [float(value) for value in values] for name, values in found.items() if values}


def test_an_epochs_line():
    values = values_in(RESULT.line())

    assert values["train:loss"] == [0.123456]
    assert values["train:accuracy"] == [0.912345]
    assert values["valid:loss"] == [0.0]
    assert values["valid:accuracy"] == [0.8]


def test_an_epochs_line_tells_the_best_so_far_too():
    line = f"{RESULT.line()} {Checkpoint(RESULT, {}).metrics()}"

    assert values_in(line)["best:valid_accuracy"] == [0.8]
    assert values_in(line)["valid:accuracy"] == [0.8]


def test_the_last_line_does_not_pass_for_an_epochs():
    assert values_in(Checkpoint(RESULT, {}).line()) == {}


def test_a_metric_is_found_at_a_lines_start_too():
    for metric in f"{RESULT.line()} {Checkpoint(RESULT, {}).metrics()}".split()[1:]:
        assert len(values_in(metric)) == 1, metric


@pytest.mark.parametrize("name", REGEXES)
def test_direction(name):
    assert objective_type(name) == ("Minimize" if "loss" in name else "Maximize")
