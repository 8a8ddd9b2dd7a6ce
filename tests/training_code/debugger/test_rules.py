"""Every rule on real trainings of small networks: one that must trip it, a near twin that must not.

And their parameters, as AWS documents them.
"""

import ast
import inspect
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

pytest.importorskip("smdebug")

from smdebug.exceptions import InsufficientInformationForRuleInvocation, RuleEvaluationConditionMet
from smdebug.pytorch import ReductionConfig
from smdebug.rules.rule_invoker import invoke_rule
from smdebug.trials import create_trial

from debugger import rules
from debugger.rule_evaluation import evaluate_rules, rule_names
from pipeline.settings.debugger import RULE_PARAMETERS
from tests.training_code.debugger.rule_support import (
    ACTIVATIONS,
    LOSS_INPUTS,
    blobs,
    judge,
    layers,
    train,
)

LOSSES = ("losses",)  # all that some rules read
SOURCE = Path(__file__).resolve().parents[3] / "training_code/debugger/rules.py"
pytestmark = pytest.mark.usefixtures("rules_at_once")


def test_gradients_vanish_through_twenty_sigmoids_and_not_through_relus(tmp_path: Path) -> None:
    widths = (8, *[16] * 20, 3)
    bad = train(tmp_path / "bad", layers(nn.Sigmoid, widths, 0.5), blobs(30), epochs=2)
    good = train(tmp_path / "good", layers(nn.ReLU, widths), blobs(30), epochs=2, lr=0.01)
    outcome = judge(bad, "VanishingGradient")
    assert (outcome.status, outcome.step) == ("IssuesFound", 0)
    assert outcome.tensor is not None
    assert outcome.tensor.startswith("gradient/Sequential_linear")
    assert judge(good, "VanishingGradient").status == "NoIssuesFound"
    assert judge(good, "VanishingGradient", threshold="1000").status == "IssuesFound"


def test_a_saved_mean_is_enough_for_vanishing_gradients(tmp_path: Path) -> None:
    network = layers(nn.Sigmoid, (8, *[16] * 20, 3), 0.5)
    means = ReductionConfig(abs_reductions=["mean"])
    path = train(tmp_path, network, blobs(30), epochs=2, reductions=means)
    assert judge(path, "VanishingGradient").status == "IssuesFound"
    assert judge(path, "UnchangedTensor").status == "Error"  # that one needs the values


def test_a_huge_learning_rate_explodes_and_a_usual_one_does_not(tmp_path: Path) -> None:
    widths = (8, 16, 16, 3)
    bad = train(tmp_path / "bad", layers(nn.ReLU, widths), blobs(30), lr=1e12, epochs=6)
    good = train(tmp_path / "good", layers(nn.ReLU, widths), blobs(30), epochs=6)
    outcome = judge(bad, "ExplodingTensor")
    assert outcome.status == "IssuesFound"
    assert outcome.step is not None
    assert "not finite" in outcome.message
    assert judge(bad, "ExplodingTensor", collection_names="losses", only_nan="True").tensor == (
        "CrossEntropyLoss_output_0"
    )
    assert judge(good, "ExplodingTensor").status == "NoIssuesFound"
    assert "is nan" in judge(bad, "LossNotDecreasing", num_steps="2").message


def test_random_labels_are_learned_by_heart_and_real_ones_generalise(tmp_path: Path) -> None:
    points, labels = blobs(24, spread=2.0)
    lies = labels[torch.randperm(24, generator=torch.Generator().manual_seed(3))]
    valid = blobs(3000, seed=1, spread=2.0)
    network = layers(nn.ReLU, (8, 64, 3))
    told: dict[str, Any] = {"valid": valid, "epochs": 40, "collections": LOSSES}
    bad = train(tmp_path / "bad", network, (points, lies), **told)
    network = layers(nn.ReLU, (8, 64, 3))
    good = train(tmp_path / "good", network, blobs(3000, spread=2.0), **told)
    outcome = judge(bad, "Overfit", patience="3")
    assert outcome.status == "IssuesFound"
    assert "in validation" in outcome.message
    assert judge(good, "Overfit", patience="3").status == "NoIssuesFound"
    assert judge(bad, "Overtraining").status == "NoIssuesFound"  # the training loss still falls
    late = judge(bad, "Overfit", start_step="1000")
    assert late.status == "Error"  # nothing was left to compare
    last = judge(bad, "Overfit", start_step="78")  # one training step and one validation are left
    assert (last.status, last.step) == ("IssuesFound", 79)


def test_a_validation_sorted_by_class_is_judged_as_a_whole(tmp_path: Path) -> None:
    points, labels = blobs(300, seed=1, spread=2.0)
    order = labels.argsort()
    network = layers(nn.ReLU, (8, 16, 3))
    path = train(
        tmp_path,
        network,
        blobs(900, spread=2.0),
        valid=(points[order], labels[order]),
        epochs=8,
        lr=0.02,
        batch=100,
    )
    for rule in ("Overfit", "Overtraining", "LossNotDecreasing"):
        assert judge(path, rule).status == "NoIssuesFound"


def test_going_on_after_the_optimum_is_overtraining_and_stopping_is_not(tmp_path: Path) -> None:
    def run(name: str, epochs: int) -> Path:
        torch.manual_seed(0)
        network = layers(nn.ReLU, (8, 32, 3))
        told: dict[str, Any] = {"valid": blobs(30, seed=1), "collections": LOSSES}
        return train(tmp_path / name, network, blobs(60), lr=0.5, epochs=epochs, **told)

    outcome = judge(run("bad", 60), "Overtraining")
    assert outcome.status == "IssuesFound"
    assert "did not improve by 0.01" in outcome.message
    assert judge(run("good", 12), "Overtraining").status == "NoIssuesFound"


@pytest.mark.parametrize("gain", [0.0, 5.0])
def test_zero_and_huge_weights_are_poor_and_kaiming_is_not(tmp_path: Path, gain: float) -> None:
    widths = (8, 32, 32, 32, 3)
    bad = train(tmp_path / "bad", layers(nn.ReLU, widths, gain), blobs(60), regex=ACTIVATIONS)
    good = train(tmp_path / "good", layers(nn.ReLU, widths), blobs(60), regex=ACTIVATIONS, lr=0.05)
    outcome = judge(bad, "PoorWeightInitialization")
    assert (outcome.status, outcome.step) == ("IssuesFound", 0)
    assert judge(good, "PoorWeightInitialization").status == "NoIssuesFound"


def test_a_loss_that_oscillates_from_the_start_is_poor_initialisation(tmp_path: Path) -> None:
    network = layers(nn.ReLU, (8, 32, 3))
    path = train(tmp_path, network, blobs(60), regex=ACTIVATIONS, lr=30.0)
    wide = {"threshold": "1e30", "distribution_range": "0"}
    outcome = judge(path, "PoorWeightInitialization", **wide)
    assert outcome.status == "IssuesFound"
    assert "no new minimum" in outcome.message


@pytest.mark.parametrize("rule", ["LossNotDecreasing", "UnchangedTensor"])
def test_without_a_learning_rate_nothing_moves(tmp_path: Path, rule: str) -> None:
    def run(name: str, lr: float) -> Path:
        network = layers(nn.ReLU, (8, 16, 3))
        return train(tmp_path / name, network, blobs(60, spread=2.0), lr=lr, epochs=25)

    outcome = judge(run("bad", 0.0), rule)
    assert outcome.status == "IssuesFound"
    assert judge(run("good", 0.05), rule).status == "NoIssuesFound"


def test_a_rising_loss_is_found_and_tolerated_as_told(tmp_path: Path) -> None:
    network = layers(nn.ReLU, (8, 16, 3))
    told: dict[str, Any] = {"maximize": True, "collections": LOSSES}
    path = train(tmp_path, network, blobs(60), lr=0.005, epochs=45, **told)
    assert judge(path, "LossNotDecreasing").status == "IssuesFound"
    tolerant = judge(path, "LossNotDecreasing", increase_threshold_percent="99", mode="TRAIN")
    assert tolerant.status == "NoIssuesFound"


def test_frozen_layers_are_no_unchanged_tensors_as_they_are_not_saved(tmp_path: Path) -> None:
    network = layers(nn.ReLU, (8, 16, 3))
    next(network.parameters()).requires_grad_(False)
    path = train(tmp_path, network, blobs(60, spread=2.0), valid=blobs(30, seed=1))
    assert judge(path, "UnchangedTensor").status == "NoIssuesFound"
    assert judge(path, "UnchangedTensor", tensor_regex=".*linear0.bias").status == "NoIssuesFound"
    frozen = judge(path, "UnchangedTensor", tensor_regex=".*linear0.weight")
    assert (frozen.status, "no tensors to compare" in frozen.message) == ("Error", True)


@pytest.mark.parametrize("regex", [".*relu_input.*", ".*relu_output.*"])
def test_strongly_negative_biases_kill_relus(tmp_path: Path, regex: str) -> None:
    def run(name: str, bias: float) -> Path:
        network = layers(nn.ReLU, (8, 32, 3))
        nn.init.constant_(network.get_parameter("linear0.bias"), bias)
        return train(tmp_path / name, network, blobs(60), regex=regex, epochs=3)

    bad = run("bad", -50.0)
    outcome = judge(bad, "DeadRelu")
    assert outcome.status == "IssuesFound"
    assert "100 % dead" in outcome.message
    assert judge(bad, "DeadRelu", threshold_inactivity="0").status == "NoIssuesFound"
    assert judge(run("good", 0.0), "DeadRelu").status == "NoIssuesFound"


def test_dead_channels_of_a_convolution_are_counted_as_units(tmp_path: Path) -> None:
    def run(name: str, bias: float) -> Path:
        first = nn.Conv2d(1, 8, 1)
        nn.init.constant_(first.get_parameter("bias"), 1.0)
        nn.init.constant_(first.get_parameter("bias")[:5], bias)
        picture, relu, head = nn.Unflatten(1, (1, 2, 4)), nn.ReLU(), nn.Linear(64, 3)
        parts = {"picture": picture, "conv": first, "relu": relu, "flat": nn.Flatten()}
        network = nn.Sequential(OrderedDict(parts | {"head": head}))
        return train(tmp_path / name, network, blobs(60), regex=ACTIVATIONS, epochs=2)

    assert "62 % dead" in judge(run("bad", -50.0), "DeadRelu").message
    assert judge(run("good", 1.0), "DeadRelu").status == "NoIssuesFound"


@pytest.mark.parametrize("activation", [nn.Tanh, nn.Sigmoid])
def test_huge_weights_saturate_activations(tmp_path: Path, activation: type[nn.Module]) -> None:
    def run(name: str, gain: float) -> Path:
        network = layers(activation, (8, 32, 3), gain)
        return train(tmp_path / name, network, blobs(60), regex=ACTIVATIONS, lr=0.001, epochs=3)

    good = run("good", 1.0)
    assert judge(run("bad", 1e4), "SaturatedActivation").status == "IssuesFound"
    assert judge(good, "SaturatedActivation").status == "NoIssuesFound"
    narrow = {"threshold_tanh_max": "-9", "threshold_sigmoid_max": "-22"}
    assert judge(good, "SaturatedActivation", **narrow).status == "IssuesFound"


def test_uneven_classes_are_found_and_even_ones_pass(tmp_path: Path) -> None:
    def run(name: str, rare: int) -> Path:
        points, labels = blobs(150)
        keep = torch.cat([torch.nonzero(labels != 2)[:, 0], torch.nonzero(labels == 2)[:rare, 0]])
        network = layers(nn.ReLU, (8, 16, 3))
        data = (points[keep], labels[keep])
        return train(tmp_path / name, network, data, regex=LOSS_INPUTS, epochs=12)

    outcome = judge(run("bad", 4), "ClassImbalance")
    assert (outcome.status, outcome.tensor) == ("IssuesFound", "CrossEntropyLoss_input_1")
    assert "12.5 times" in outcome.message
    assert judge(run("good", 50), "ClassImbalance").status == "NoIssuesFound"


def test_a_small_class_that_is_not_learned_is_imbalance(tmp_path: Path) -> None:
    def run(name: str, spread: float) -> Path:
        points, labels = blobs(300, classes=2, spread=spread)
        keep = torch.cat([torch.nonzero(labels == 0)[:, 0], torch.nonzero(labels == 1)[:20, 0]])
        network = layers(nn.ReLU, (8, 16, 2))
        data = (points[keep], labels[keep])
        return train(tmp_path / name, network, data, regex=LOSS_INPUTS, lr=0.5, epochs=30)

    outcome = judge(run("bad", 12.0), "ClassImbalance", samples="1700")
    assert outcome.status == "IssuesFound"
    assert "class 1, mispredicted" in outcome.message
    assert judge(run("good", 0.1), "ClassImbalance", samples="1700").status == "NoIssuesFound"


def test_a_hard_class_of_usual_size_is_not_imbalance(tmp_path: Path) -> None:
    points, labels = blobs(150)
    points[labels == 2] = points[labels == 0]  # cannot be told apart, and class 2 is a bit smaller
    keep = torch.cat([torch.nonzero(labels != 2)[:, 0], torch.nonzero(labels == 2)[:40, 0]])
    network = layers(nn.ReLU, (8, 16, 3))
    data = (points[keep], labels[keep])
    path = train(tmp_path, network, data, regex=LOSS_INPUTS, lr=0.5, epochs=30)
    assert judge(path, "ClassImbalance").status == "NoIssuesFound"


def test_what_never_learns_anything_is_not_imbalance(tmp_path: Path) -> None:
    points, labels = blobs(300, classes=2)
    keep = torch.cat([torch.nonzero(labels == 0)[:, 0], torch.nonzero(labels == 1)[:20, 0]])
    network = layers(nn.ReLU, (8, 16, 3))
    nn.init.constant_(network.get_parameter("linear1.bias")[2:], 50.0)  # says a third class
    data = (points[keep], labels[keep])
    path = train(tmp_path, network, data, regex=LOSS_INPUTS, lr=0.0, epochs=30)
    assert judge(path, "ClassImbalance", samples="1700").status == "NoIssuesFound"


def test_smdebugs_own_invoker_runs_the_rules_as_the_service_does(tmp_path: Path) -> None:
    path = train(tmp_path, layers(nn.ReLU, (8, 16, 3)), blobs(30), lr=0.0)
    trial = create_trial(str(path))
    with pytest.raises(RuleEvaluationConditionMet):
        rule = rules.UnchangedTensor(trial, num_steps="3")
        invoke_rule(rule, raise_eval_cond=True)
    with pytest.raises(InsufficientInformationForRuleInvocation, match="no ReLU inputs"):
        invoke_rule(rules.DeadRelu(trial))


def test_the_rules_are_one_file_that_an_older_python_reads() -> None:
    tree = ast.parse(SOURCE.read_text(), feature_version=(3, 7))
    imports = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    local = {path.stem for path in SOURCE.parent.glob("*.py")}
    assert not imports & local


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


@pytest.mark.parametrize("name", rule_names())
def test_parameters_and_defaults_are_those_that_aws_documents(name: str) -> None:
    ours = inspect.signature(getattr(rules, name)).parameters
    assert ours.keys() - DOCUMENTED[name].keys() <= {"base_trial", "action_json", "mode"}
    assert set(RULE_PARAMETERS[name]) == ours.keys() - {"base_trial", "action_json"}
    for parameter, default in DOCUMENTED[name].items():
        if isinstance(default, str):
            assert set(default.split(",")) <= set(ours[parameter].default.split(","))
        else:
            assert ours[parameter].default == default


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
