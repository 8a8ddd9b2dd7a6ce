"""Hyperparameters arrive at train.py as the settings meant them, through SageMaker's toolkit."""

import json
import re
import string
import subprocess
from itertools import chain
from typing import Any

import pytest

from debugger.plan import read_plan
from hyperparameters import parse_hyperparameters
from pipeline.errors import UsageError
from pipeline.settings.errors import SettingsError
from pipeline.settings.loading import environments_of, load_settings
from steps.hyperparameters import hyperparameter
from tests.steps.conftest import ROOT, Definition

pytestmark = pytest.mark.xdist_group("sdk")

# A pattern with every character that a shell, JSON or our own text could take for something else.
PATTERN = re.escape(string.punctuation) + "( *null|true)"
MODES = ("embedded", "service", "off")


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


@pytest.mark.parametrize("name", ["Tune", "Train"])
def test_trials_and_training_learn_by_the_same_weights_and_are_told_none_by_default(name, step):
    def told(*overrides: str) -> dict[str, str]:
        arguments = step(name, *overrides)["Arguments"]
        trial = arguments.get("TrainingJobDefinition", {}).get("StaticHyperParameters")
        return trial or arguments["HyperParameters"]

    assert "class_weights" not in told()
    assert told("training.class_weights=sqrt") == {**told(), "class_weights": "sqrt"}


def through_a_shell(arguments: list[str]) -> list[str]:
    """Arguments as a script gets them from sagemaker-training up to 5.1.2, unquoted.

    run_async in src/sagemaker_training/process.py: `cmd = " ".join(cmd)`, then
    asyncio.create_subprocess_shell(cmd).
    """
    command = " ".join(["printf", r"'%s\n'", *arguments])
    return subprocess.check_output(command, shell=True, text=True).split("\n")[:-1]  # noqa: S602


def hyperparameters_of(definition: Definition) -> list[dict[str, str]]:
    """Those of a trial and of the final training, with the first and the last tuned values."""
    steps = {one["Name"]: one["Arguments"] for one in definition["Steps"]}
    tune = steps["Tune"]
    ranges = tune["HyperParameterTuningJobConfig"]["ParameterRanges"]
    found = []
    for end in (0, -1):
        tuned = {
            one["Name"]: one["Values"][end] if "Values" in one else bound(one, end)
            for one in chain(*ranges.values())
        }
        static = tune["TrainingJobDefinition"]["StaticHyperParameters"]
        train = {
            name: resolved(value, tuned)
            for name, value in steps["Train"]["HyperParameters"].items()
        }
        found += [static | tuned, train]
    return found


def bound(one: dict[str, str], end: int) -> str:
    return one["MinValue"] if end == 0 else one["MaxValue"]


def resolved(value: Any, tuned: dict[str, str]) -> str:
    """A value, or what a Std:Join of references to tuned values gives."""
    if isinstance(value, str):
        return value
    references = [part["Get"] for part in value["Std:Join"]["Values"]]
    names = [re.fullmatch(r".*TunedHyperParameters\['(\w+)'\]", get)[1] for get in references]
    return value["Std:Join"]["On"].join(tuned[name] for name in names)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("environment", [None, *environments_of(ROOT / "pipeline.yaml")])
def test_every_hyperparameter_survives_the_toolkits_shell(definition_of, environment, mode):
    settings = load_settings(ROOT / "pipeline.yaml", environment, [f"debugger.mode={mode}"])
    for values in hyperparameters_of(definition_of(settings)):
        arguments = as_the_toolkit_passes(values)
        own = [value for name, value in values.items() if name.startswith("sagemaker_")]
        assert through_a_shell(arguments + own) == arguments + own
        parse_hyperparameters(arguments)


def test_so_does_a_pattern_with_every_character(compiled):
    wanted = json.dumps({"own": {"include_regex": PATTERN}})
    rules = json.dumps([{"DeadRelu": {"tensor_regex": PATTERN}}, "Overfit"])
    definition = compiled(
        "debugger.mode=embedded",
        f"debugger.collections={wanted}",
        f"debugger.rules={rules}",
        "debugger.stop_training_on=[Overfit, DeadRelu]",
    )
    arguments = as_the_toolkit_passes(hyperparameters_of(definition)[1])
    told = parse_hyperparameters(through_a_shell(arguments))
    plan = read_plan(told.debug_collections, told.debug_rules, told.debug_stop_on)
    assert plan.collections["own"]["include_regex"] == PATTERN
    assert plan.rules == {"DeadRelu": {"tensor_regex": PATTERN}, "Overfit": {}}
    assert plan.stop_on == ("Overfit", "DeadRelu")


def test_a_collections_name_is_never_taken_for_an_option():
    """The hyperparameter begins with the first of them."""
    with pytest.raises(SettingsError, match="'-own' is no collection's name"):
        told = "debugger.collections={-own: {include_regex: x}}"
        load_settings(ROOT / "pipeline.yaml", None, [told])


def test_one_that_would_not_is_refused(compiled, monkeypatch):
    monkeypatch.setattr("steps.train.hyperparameter", lambda value: f"{value} or so")
    with pytest.raises(UsageError, match=r"hyperparameter export would be 'True or so'.*a shell"):
        compiled("training.seed=77")
