"""Weights that begin badly, and Kaiming's."""

from pathlib import Path

import pytest
from torch import nn

pytest.importorskip("smdebug")

from tests.training_code.debugger.rule_support import ACTIVATIONS, blobs, judge, layers, train

pytestmark = pytest.mark.usefixtures("rules_at_once")


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
