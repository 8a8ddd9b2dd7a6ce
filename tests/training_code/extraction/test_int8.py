"""8-bit features are used when rounding adds little, and only then."""

import logging

import numpy as np
import pytest
import torch
from torch import nn

from extraction.int8 import noise
from extraction.runtime import open_runtime
from graph import GraphError
from preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing

PREPROCESSING = Preprocessing(20, 16, IMAGENET_MEAN, IMAGENET_STD)


def images(count: int = 40) -> np.ndarray:
    """Pictures that differ in colour, so that features tell them apart."""
    random = np.random.default_rng(0)
    colours = random.integers(30, 220, (count, 3, 1, 1))
    pixels = random.normal(0, 20, (count, 3, 20, 20)) + colours
    return pixels.clip(0, 255).astype(np.uint8)


@pytest.fixture
def backbone() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    ).eval()


@pytest.fixture(autouse=True)
def packages() -> None:
    for name in ("onnx", "onnxruntime", "ml_dtypes"):
        pytest.importorskip(name)


def test_features_in_8_bits_are_nearly_those_in_32(
    backbone: nn.Module, capsys: pytest.CaptureFixture[str]
) -> None:
    level = logging.getLogger().level
    exact = open_runtime(backbone, PREPROCESSING, 8, 1)
    rounded = open_runtime(backbone, PREPROCESSING, 8, 1, images())
    assert logging.getLogger().level == level  # the rest of the job is not silenced
    assert (exact.name, rounded.name) == ("ONNX Runtime", "ONNX Runtime int8")
    squares = torch.from_numpy(images())
    assert 0 < noise(exact.forward(squares), rounded.forward(squares)) < 0.02
    assert "in 8 bits, rounding adds" in capsys.readouterr().out


def test_too_much_noise_keeps_them_in_32(
    backbone: nn.Module, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extraction.int8.MAX_NOISE", 0.0)
    assert open_runtime(backbone, PREPROCESSING, 8, 1, images()).name == "ONNX Runtime"
    assert "they stay in 32 bits" in capsys.readouterr().out


def test_a_rounded_graph_that_cannot_run_leaves_them_in_32(
    backbone: nn.Module, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise GraphError("int8.onnx is no usable graph")

    monkeypatch.setattr("extraction.runtime.int8_graph", fail)
    assert open_runtime(backbone, PREPROCESSING, 8, 1, images()).name == "ONNX Runtime"
    assert "stay in 32 bits: int8.onnx is no usable graph" in capsys.readouterr().out


def test_noise_is_what_rounding_adds_beside_a_features_own_variance() -> None:
    random = np.random.default_rng(0)
    exact = random.normal(5, 2, (4000, 3)).astype(np.float32)
    added = random.normal(0, [[0.2, 0.2, 0.8]], exact.shape).astype(np.float32)
    assert noise(exact, exact + added) == pytest.approx((0.01 + 0.01 + 0.16) / 3, rel=0.1)


def test_a_shift_is_noise_for_a_head_that_is_served_without_it() -> None:
    exact = np.random.default_rng(0).normal(5, 2, (4000, 3)).astype(np.float32)
    shifted = exact + np.float32([0, 0, 1])
    assert noise(exact, shifted) == pytest.approx(1 / 4 / 3, rel=0.1)


def test_a_feature_that_never_changes_says_nothing() -> None:
    exact = np.ones((10, 1), np.float32)
    assert noise(exact, exact + np.arange(10, dtype=np.float32)[:, None]) == 0.0


def test_a_single_picture_is_enough(backbone: nn.Module) -> None:
    graph = open_runtime(backbone, PREPROCESSING, 8, 1, images(1))
    assert graph.forward(torch.from_numpy(images(1))).shape == (1, 8)
