"""However features are computed, they are PyTorch's; and it says when the fast way is none."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from extraction import runtime as feature_runtime
from extraction.runtime import open_runtime
from network import build_backbone
from preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing, normalise

PREPROCESSING = Preprocessing(40, 32, IMAGENET_MEAN, IMAGENET_STD)


def squares(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, 40, 40), dtype=torch.uint8, generator=generator)


def eager(backbone: nn.Module) -> np.ndarray:
    with torch.inference_mode():
        return backbone(normalise(squares(5), PREPROCESSING)).numpy()


class Branching(nn.Module):
    """Its code looks at the pictures: what is traced is only one of its ways."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, pictures: Tensor) -> Tensor:
        means = pictures.mean((2, 3))
        return means * self.scale if pictures.abs().max() == 0 else -means * self.scale


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_runtime, "available", lambda: False)


def test_the_graph_gives_the_backbones_features() -> None:
    pytest.importorskip("onnxruntime")
    backbone = build_backbone("shufflenet_v2_x0_5")
    runtime = open_runtime(backbone, PREPROCESSING, 64, 2)
    assert runtime.name == "ONNX Runtime"
    expected = eager(backbone)
    np.testing.assert_allclose(runtime.forward(squares(5)), expected, atol=1e-3 * expected.std())


def test_without_onnxruntime_it_is_pytorch(
    missing: None, capsys: pytest.CaptureFixture[str]
) -> None:
    backbone = build_backbone("shufflenet_v2_x0_5")
    runtime = open_runtime(backbone, PREPROCESSING, 64, 2)
    assert runtime.name == "PyTorch"
    np.testing.assert_allclose(runtime.forward(squares(5)), eager(backbone), atol=1e-4)
    assert "onnxruntime is not installed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("backbone", "line"),
    [
        (Branching(), "its graph's differ by"),
        (nn.Sequential(nn.Flatten(), nn.LazyLinear(2)), "differ by nan"),
    ],
)
def test_a_graph_that_computes_something_else_is_not_used(
    backbone: nn.Module, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    with torch.no_grad():
        backbone(torch.zeros(1, 3, 32, 32))
        if not isinstance(backbone, Branching):
            nn.init.constant_(backbone[1].weight, float("nan"))
    runtime = open_runtime(backbone, PREPROCESSING, 8, 2)
    assert runtime.name == "PyTorch"
    np.testing.assert_allclose(runtime.forward(squares(5)), eager(backbone), atol=1e-6)
    assert line in capsys.readouterr().out


class OnGpu(nn.Linear):
    """A backbone that says it is on a GPU."""

    def parameters(self, recurse: bool = True) -> Iterator[Any]:
        yield SimpleNamespace(device=torch.device("cuda", 0), is_cuda=True)


@pytest.mark.parametrize(
    ("capability", "name"), [((8, 0), "PyTorch bfloat16"), ((7, 5), "PyTorch float32")]
)
def test_the_name_says_what_a_gpu_computes_in(
    capability: tuple[int, int], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert open_runtime(OnGpu(1, 1), PREPROCESSING, 64, 2).name == name


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
def test_a_gpu_gives_nearly_the_same() -> None:
    backbone = build_backbone("resnet18")
    expected = eager(backbone)
    runtime = open_runtime(backbone.to("cuda"), PREPROCESSING, 64, 2)
    assert runtime.name in ("PyTorch bfloat16", "PyTorch float32")
    assert runtime.batch_size == 64
    found = runtime.forward(squares(5))
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 0.05 * np.abs(expected).max()
