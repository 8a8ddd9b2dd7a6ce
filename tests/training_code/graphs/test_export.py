"""An exported graph computes what the network does, and is the same file every time."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from graph import open_graph
from graphs.export import GraphExportError, export_graph
from network import Classifier, Head, build_backbone

pytest.importorskip("onnxruntime")
CROP = 64


def pictures(count: int) -> Tensor:
    return torch.randn(count, 3, CROP, CROP, generator=torch.Generator().manual_seed(count))


def classifier(name: str) -> Classifier:
    """With a head that is not all zeros, so that different pictures get different answers."""
    torch.manual_seed(0)
    backbone = build_backbone(name)
    head = Head(int(backbone(pictures(1)).shape[1]), 5)
    nn.init.normal_(head.linear.weight)
    head.std.fill_(2.0)
    return Classifier(backbone, head).eval()


@pytest.mark.parametrize(
    "name", ["shufflenet_v2_x0_5", "squeezenet1_1", "mobilenet_v2", "resnet18", "regnet_y_400mf"]
)
def test_the_graph_computes_what_the_network_does_for_any_batch(tmp_path: Path, name: str) -> None:
    network = classifier(name)
    export_graph(network, CROP, tmp_path / "model.onnx")
    graph = open_graph(tmp_path / "model.onnx", threads=1)
    for count in (1, 3, 8):
        batch = pictures(count)
        with torch.inference_mode():
            expected = network(batch).numpy()
        assert graph.run(batch.numpy()).shape == (count, 5)
        np.testing.assert_allclose(graph.run(batch.numpy()), expected, atol=1e-3 * expected.std())


def test_the_same_network_gives_the_same_bytes_and_stays_as_it_is(tmp_path: Path) -> None:
    network = classifier("shufflenet_v2_x0_5").train()
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    before = {key: value.clone() for key, value in network.state_dict().items()}
    for name in ("a.onnx", "b.onnx"):
        export_graph(network, CROP, tmp_path / name)
    assert network.training
    weight = network.backbone.conv1[0].weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key]), key
    found = (tmp_path / "a.onnx").read_bytes()
    assert found == (tmp_path / "b.onnx").read_bytes()
    for place in (
        str(tmp_path),
        "site-packages",
        "network.py",
        "torchvision/models",
        str(Path.home()),
    ):
        assert place.encode() not in found


def test_names_of_input_and_output_are_the_callers(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    path = tmp_path / "model.onnx"
    export_graph(classifier("shufflenet_v2_x0_5"), CROP, path, output_names=["features"])
    found = onnx.load(path)
    onnx.checker.check_model(found)
    assert [value.name for value in found.graph.input] == ["pictures"]
    assert [value.name for value in found.graph.output] == ["features"]
    assert all(not node.doc_string for node in found.graph.node)


class Unsupported(nn.Module):
    def forward(self, batch: Tensor) -> Tensor:
        """Something that no graph can hold."""
        return torch.linalg.eigvals(batch[:, 0]).real


def test_a_network_that_is_no_graph_is_explained(tmp_path: Path) -> None:
    with pytest.raises(GraphExportError, match=r"Unsupported is no graph: .*linalg_eigvals"):
        export_graph(Unsupported(), CROP, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
