"""A loss that rises."""

from pathlib import Path
from typing import Any

import pytest
from torch import nn

pytest.importorskip("smdebug")

from tests.training_code.debugger.rule_support import blobs, judge, layers, train

LOSSES = ("losses",)  # all that this rule reads
pytestmark = pytest.mark.usefixtures("rules_at_once")


def test_a_rising_loss_is_found_and_tolerated_as_told(tmp_path: Path) -> None:
    network = layers(nn.ReLU, (8, 16, 3))
    told: dict[str, Any] = {"maximize": True, "collections": LOSSES}
    path = train(tmp_path, network, blobs(60), lr=0.005, epochs=45, **told)
    assert judge(path, "LossNotDecreasing").status == "IssuesFound"
    tolerant = judge(path, "LossNotDecreasing", increase_threshold_percent="99", mode="TRAIN")
    assert tolerant.status == "NoIssuesFound"
