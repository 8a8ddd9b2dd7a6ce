"""ReLUs that are dead, and those that live."""

from collections import OrderedDict
from pathlib import Path

import pytest
from torch import nn

pytest.importorskip("smdebug")

from tests.training_code.debugger.rule_support import ACTIVATIONS, blobs, judge, layers, train

pytestmark = pytest.mark.usefixtures("rules_at_once")


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
