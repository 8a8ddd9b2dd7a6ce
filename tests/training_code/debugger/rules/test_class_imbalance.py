"""Uneven and unlearned classes, and even ones."""

from pathlib import Path

import pytest
import torch
from torch import nn

pytest.importorskip("smdebug")

from tests.training_code.debugger.rule_support import LOSS_INPUTS, blobs, judge, layers, train

pytestmark = pytest.mark.usefixtures("rules_at_once")


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
