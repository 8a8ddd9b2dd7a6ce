"""Layers, parameters and multiply-adds, against what torchvision publishes."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torchvision import models

from extraction import feature_files
from learning.model_summary import summarise, write_summary

Train = Callable[..., Any]


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "vit_b_16", "swin_t"])
def test_the_totals_are_those_that_torchvision_publishes(name: str) -> None:
    known = models.get_model_weights(name).DEFAULT.meta
    with torch.device("meta"):
        network = models.get_model(name)
    summary = summarise(network, 224)
    totals, layers = summary["totals"], summary["layers"]
    assert totals["parameters"] == known["num_params"]
    assert totals["multiply_adds"] / 1e9 == pytest.approx(known["_ops"], abs=6e-4)
    for member in ("parameters", "multiply_adds"):  # nothing is counted twice or forgotten
        assert sum(layer[member] for layer in layers) == totals[member]


def test_layers_come_in_the_order_of_computation_with_their_shapes() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, groups=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 5)
    )
    network[0].requires_grad_(False)
    summary = summarise(network, 6)
    rows = [(each["name"], each["type"], each["output_shape"]) for each in summary["layers"]]
    assert rows == [
        ("0", "Conv2d", [8, 6, 6]),
        ("1", "ReLU", [8, 6, 6]),
        ("2", "Flatten", [288]),
        ("3", "Linear", [5]),
    ]
    assert [each["multiply_adds"] for each in summary["layers"]] == [36 * 8 * 27, 0, 0, 1440]
    assert summary["totals"]["trained_parameters"] == 288 * 5 + 5


def test_the_network_is_left_as_it_was() -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    summarise(network, 4)
    assert network.training
    assert not network[0]._forward_hooks
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_a_network_that_cannot_be_run_costs_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_summary(tmp_path, nn.Linear(4, 2), 8)
    assert "warning: no model_summary.json" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_training_leaves_the_summary_of_the_whole_model(
    trained: Any, train: Train, prepared: Path, features: Path
) -> None:
    totals = json.loads((trained.output / "model_summary.json").read_text())["totals"]
    info = feature_files.read_info(features)
    assert totals["trained_parameters"] == (info.dimension + 1) * len(info.classes)  # the head's
    phases = {"epochs": 1, "fine_tune_blocks": 1, "fine_tune_epochs": 1}
    tuned = train(dataset=prepared / "dataset", graph="none", **phases)
    more = json.loads((tuned.output / "model_summary.json").read_text())["totals"]
    assert more["trained_parameters"] > totals["trained_parameters"]
    assert {**more, "trained_parameters": 0} == {**totals, "trained_parameters": 0}
    assert len(list(csv.reader((tuned.output / "history.csv").open()))) == 3


def test_a_trial_writes_none(train: Train) -> None:
    assert not (train(export=False, epochs=1).output / "model_summary.json").exists()
