"""The table of rules, and their parameters as AWS documents them."""

import inspect
from pathlib import Path
from typing import Any

import pytest
from torch import nn

pytest.importorskip("smdebug")

from smdebug.exceptions import InsufficientInformationForRuleInvocation, RuleEvaluationConditionMet
from smdebug.rules.rule_invoker import invoke_rule
from smdebug.trials import create_trial

from debugger.rule_evaluation import evaluate_rules
from debugger.rules import RULES
from pipeline.job_scripts.debugger_rules import rule_collection, rule_names, rule_parameters
from tests.training_code.debugger.rule_support import ACTIVATIONS, LOSS_INPUTS, blobs, layers, train

pytestmark = pytest.mark.usefixtures("rules_at_once")


def test_smdebugs_own_invoker_runs_the_rules_as_the_service_does(tmp_path: Path) -> None:
    path = train(tmp_path, layers(nn.ReLU, (8, 16, 3)), blobs(30), lr=0.0)
    trial = create_trial(str(path))
    with pytest.raises(RuleEvaluationConditionMet):
        rule = RULES["UnchangedTensor"](trial, num_steps="3")
        invoke_rule(rule, raise_eval_cond=True)
    with pytest.raises(InsufficientInformationForRuleInvocation, match="no ReLU inputs"):
        invoke_rule(RULES["DeadRelu"](trial))


@pytest.mark.parametrize("name", RULES)
def test_the_settings_read_each_rule_as_it_is(name: str) -> None:
    rule = RULES[name]
    taken = inspect.signature(rule).parameters
    ours = {key: taken[key].default for key in taken if key not in ("base_trial", "action_json")}
    assert rule.__name__ == name
    assert list(rule_parameters(name).items()) == list(ours.items())
    assert rule_collection(name) == rule.collection


def test_the_settings_know_all_rules_in_their_order() -> None:
    assert rule_names() == tuple(RULES)


# Name and default of each parameter on AWS's page "List of Debugger built-in rules". A pattern may
# have more alternatives than AWS's, never fewer. LossNotDecreasing's mode is left out: the page
# gives two defaults.
DOCUMENTED: dict[str, dict[str, Any]] = {
    "VanishingGradient": {"threshold": 0.0000001},
    "ExplodingTensor": {"collection_names": None, "tensor_regex": None, "only_nan": False},
    "Overfit": {"tensor_regex": None, "start_step": 0, "patience": 1, "ratio_threshold": 0.1},
    "Overtraining": {"patience_train": 5, "patience_validation": 10, "delta": 0.01},
    "PoorWeightInitialization": {
        "activation_inputs_regex": ".*relu_input",
        "threshold": 10.0,
        "distribution_range": 0.001,
        "patience": 5,
        "steps": 10,
    },
    "LossNotDecreasing": {
        "collection_names": None,
        "tensor_regex": None,
        "use_losses_collection": True,
        "num_steps": 10,
        "diff_percent": 0.1,
        "increase_threshold_percent": 5,
    },
    "DeadRelu": {
        "tensor_regex": ".*relu_output",
        "threshold_inactivity": 1.0,
        "threshold_layer": 50.0,
    },
    "SaturatedActivation": {
        "collection_names": None,
        "tensor_regex": ".*tanh_input,.*sigmoid_input",
        "threshold_tanh_min": -9.4999,
        "threshold_tanh_max": 9.4999,
        "threshold_sigmoid_min": -23,
        "threshold_sigmoid_max": 16.99999,
        "threshold_inactivity": 1.0,
        "threshold_layer": 50.0,
    },
    "UnchangedTensor": {
        "collection_names": None,
        "tensor_regex": None,
        "num_steps": 3,
        "rtol": 1e-05,
        "atol": 1e-08,
        "equal_nan": False,
    },
    "ClassImbalance": {
        "threshold_imbalance": 10,
        "threshold_misprediction": 0.7,
        "samples": 500,
        "argmax": False,
        "labels_regex": ".*labels",
        "predictions_regex": ".*predictions",
    },
}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_parameters_and_defaults_are_those_that_aws_documents(name: str) -> None:
    ours = rule_parameters(name)
    assert ours.keys() - DOCUMENTED[name].keys() <= {"mode"}
    for parameter, default in DOCUMENTED[name].items():
        if isinstance(default, str):
            assert set(default.split(",")) <= set(ours[parameter].split(","))
        else:
            assert ours[parameter] == default


def test_parameters_may_all_be_strings_as_the_service_passes_them(tmp_path: Path) -> None:
    network = layers(nn.ReLU, (8, 16, 3))
    regex = f"{ACTIVATIONS}|{LOSS_INPUTS}"
    data, valid = blobs(60), blobs(30, seed=1)
    path = train(tmp_path, network, data, valid=valid, regex=regex)
    strings = {
        name: {key: str(value) for key, value in given.items() if value is not None}
        for name, given in DOCUMENTED.items()
    }
    strings["DeadRelu"]["tensor_regex"] = ".*relu_output, .*relu_input"
    strings["ClassImbalance"] |= {"labels_regex": ".*_input_1", "predictions_regex": ".*_input_0"}
    plain = evaluate_rules(path, {name: {} for name in strings})
    assert evaluate_rules(path, strings) == plain
    assert {one.name for one in plain if one.status == "Error"} == {"SaturatedActivation"}
