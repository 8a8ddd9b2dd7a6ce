"""Labels learned by heart, and a training that generalises."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

pytest.importorskip("smdebug")

from tests.training_code.debugger.rule_support import blobs, judge, layers, train

LOSSES = ("losses",)  # all that this rule reads
pytestmark = pytest.mark.usefixtures("rules_at_once")


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
