"""A training that goes on after its optimum, and one that stops."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

pytest.importorskip("smdebug")

from tests.training_code.debugger.rule_support import blobs, judge, layers, train

LOSSES = ("losses",)  # all that this rule reads
pytestmark = pytest.mark.usefixtures("rules_at_once")


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
