"""Tanh and sigmoid at their limits, and far from them."""

from pathlib import Path

import pytest
from torch import nn

pytest.importorskip("smdebug")

from tests.training_code.debugger.rule_support import ACTIVATIONS, blobs, judge, layers, train

pytestmark = pytest.mark.usefixtures("rules_at_once")


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
