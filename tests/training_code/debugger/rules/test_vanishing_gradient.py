"""Gradients that vanish through sigmoids, and those of ReLUs."""

from pathlib import Path

import pytest
from torch import nn

pytest.importorskip("smdebug")

from smdebug.pytorch import ReductionConfig

from tests.training_code.debugger.rule_support import blobs, judge, layers, train

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
