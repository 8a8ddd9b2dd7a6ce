"""Hyperparameters arrive at train.py as the settings meant them, through SageMaker's toolkit."""

import json

import pytest

from hyperparameters import parse_hyperparameters
from steps.hyperparameters import hyperparameter

pytestmark = pytest.mark.xdist_group("sdk")


def as_the_toolkit_passes(values: dict[str, str]) -> list[str]:
    """sagemaker-training: each value read as JSON if it is JSON, then `--name value`, sorted."""
    arguments = []
    for name in sorted(values):
        if not name.startswith("sagemaker_"):
            try:
                value = json.loads(values[name])
            except ValueError:
                value = values[name]
            arguments += [f"--{name}", str(value)]
    return arguments


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (False, "false"), (5, "5"), (1e-05, "1e-05"), ("SGD", "SGD")],
)
def test_values_are_plain_text(value, text):
    assert hyperparameter(value) == text


def test_a_trials_hyperparameters(step):
    trial = step("Tune", "training.weight_decay=1e-5", "tuning.ranges.weight_decay=null")
    static = trial["Arguments"]["TrainingJobDefinition"]["StaticHyperParameters"]

    read = parse_hyperparameters(
        as_the_toolkit_passes({**static, "lr": "0.0123", "batch_size": "32", "optimizer": "SGD"})
    )

    assert (read.lr, read.batch_size, read.weight_decay) == (0.0123, 32, 1e-5)
    assert (read.optimizer, read.export, read.fine_tune_blocks) == ("SGD", False, 0)


def test_the_final_trainings_hyperparameters(step):
    train = step("Train", "training.fine_tune_blocks=2")["Arguments"]["HyperParameters"]
    fixed = {name: value for name, value in train.items() if isinstance(value, str)}

    read = parse_hyperparameters(as_the_toolkit_passes(fixed))

    assert (read.export, read.fine_tune_blocks, read.fine_tune_lr) == (True, 2, 0.0001)
