"""Weights that do not move, and those that do."""

from pathlib import Path

import pytest
from torch import nn

pytest.importorskip("smdebug")

from tests.training_code.debugger.rule_support import blobs, judge, layers, train

pytestmark = pytest.mark.usefixtures("rules_at_once")


@pytest.mark.parametrize("rule", ["LossNotDecreasing", "UnchangedTensor"])
def test_without_a_learning_rate_nothing_moves(tmp_path: Path, rule: str) -> None:
    def run(name: str, lr: float) -> Path:
        network = layers(nn.ReLU, (8, 16, 3))
        return train(tmp_path / name, network, blobs(60, spread=2.0), lr=lr, epochs=25)

    outcome = judge(run("bad", 0.0), rule)
    assert outcome.status == "IssuesFound"
    assert judge(run("good", 0.05), rule).status == "NoIssuesFound"


def test_frozen_layers_are_no_unchanged_tensors_as_they_are_not_saved(tmp_path: Path) -> None:
    network = layers(nn.ReLU, (8, 16, 3))
    next(network.parameters()).requires_grad_(False)
    path = train(tmp_path, network, blobs(60, spread=2.0), valid=blobs(30, seed=1))
    assert judge(path, "UnchangedTensor").status == "NoIssuesFound"
    assert judge(path, "UnchangedTensor", tensor_regex=".*linear0.bias").status == "NoIssuesFound"
    frozen = judge(path, "UnchangedTensor", tensor_regex=".*linear0.weight")
    assert (frozen.status, "no tensors to compare" in frozen.message) == ("Error", True)
