"""Backbones: any torchvision classifier, its head cut off, its weights from a file."""

import os
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import load_file, save_file
from torch import nn

from network import (
    Classifier,
    Head,
    NetworkError,
    RemovedHead,
    UnknownBackbone,
    WeightsMismatch,
    best_device,
    blocks,
    build_backbone,
    feature_dimension,
    load_backbone_weights,
    load_state,
)

DIMENSIONS = {
    "alexnet": 4096,
    "convnext_tiny": 768,
    "densenet121": 1024,
    "efficientnet_b0": 1280,
    "googlenet": 1024,
    "inception_v3": 2048,
    "mnasnet0_5": 1280,
    "mobilenet_v2": 1280,
    "mobilenet_v3_small": 1024,
    "regnet_x_400mf": 400,
    "resnet18": 512,
    "resnet50": 2048,
    "shufflenet_v2_x0_5": 1024,
    "squeezenet1_1": 512,
    "swin_t": 768,
    "vit_b_32": 768,
}
SMALL = "shufflenet_v2_x0_5"


def weights_folder() -> Path:
    beside = Path(__file__).resolve().parents[3] / "shared" / "weights"
    return Path(os.environ.get("PIPELINE_TEST_WEIGHTS", beside))


def given_weights(name: str) -> Path:
    path = weights_folder() / name
    if not path.is_file():
        pytest.skip("no ImageNet weights are in ../shared/weights or $PIPELINE_TEST_WEIGHTS")
    return path


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The whole small network as torchvision would save it, for 7 classes."""
    path = tmp_path / "weights.pth"
    torch.manual_seed(5)
    torch.save(torchvision.models.get_model(SMALL, num_classes=7).state_dict(), path)
    return path


@pytest.mark.parametrize(("name", "dimension"), DIMENSIONS.items())
def test_the_head_is_cut_off(name: str, dimension: int) -> None:
    # shapes without numbers, which take long to draw; a RegNet is measured out with numbers
    with torch.device("cpu" if name.startswith("regnet") else "meta"):
        backbone = build_backbone(name)
        assert feature_dimension(name, backbone, 224) == dimension
    assert not backbone.training
    removed = [module for module in backbone.modules() if isinstance(module, RemovedHead)]
    assert removed
    # what was written must fit again, although some torchvision models check version numbers
    load_state(backbone, {key: value.clone() for key, value in backbone.state_dict().items()})


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_features_are_what_torchvisions_own_head_gets(name: str) -> None:
    torch.manual_seed(0)
    whole = torchvision.models.get_model(name, num_classes=5).eval()
    backbone = build_backbone(name)
    state = {k: v for k, v in whole.state_dict().items() if k in backbone.state_dict()}
    backbone.load_state_dict(state)
    head = list(whole.modules())[-1]
    assert isinstance(head, nn.Linear)
    pictures = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(head(backbone(pictures)), whole(pictures))


def test_the_same_seed_gives_the_same_weights_and_leaves_the_random_state_alone() -> None:
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first, second, other = build_backbone(SMALL, 3), build_backbone(SMALL, 3), build_backbone(SMALL)
    assert torch.equal(torch.random.get_rng_state(), before)
    key = "conv1.0.weight"
    assert torch.equal(first.state_dict()[key], second.state_dict()[key])
    assert not torch.equal(first.state_dict()[key], other.state_dict()[key])


@pytest.mark.parametrize(("name", "near"), [("resnet19", "resnet18"), ("ResNet50", "resnet50")])
def test_an_unknown_backbone_is_answered_with_near_names(name: str, near: str) -> None:
    with pytest.raises(UnknownBackbone, match=f"{name}.*did you mean.*{near}"):
        build_backbone(name)


def test_a_detection_model_is_no_backbone() -> None:
    with pytest.raises(UnknownBackbone):
        build_backbone("fasterrcnn_resnet50_fpn")


def test_a_crop_that_the_backbone_cannot_take_is_explained() -> None:
    backbone = build_backbone("vit_b_32")
    with pytest.raises(NetworkError, match=r"vit_b_32 cannot take pictures of 160 x 160.*crop"):
        feature_dimension("vit_b_32", backbone, 160)


def test_a_file_with_another_head_or_none_fits(saved: Path, tmp_path: Path) -> None:
    whole = torch.load(saved, weights_only=True)
    backbone = build_backbone(SMALL)
    load_backbone_weights(SMALL, backbone, saved)
    assert torch.equal(backbone.state_dict()["conv1.0.weight"], whole["conv1.0.weight"])

    unused = ("fc.weight", "fc.bias", "num_batches_tracked")
    headless = {key: value for key, value in whole.items() if not key.endswith(unused)}
    save_file(headless, tmp_path / "headless.safetensors")
    again = build_backbone(SMALL)
    load_backbone_weights(SMALL, again, tmp_path / "headless.safetensors")
    for key, value in again.state_dict().items():
        assert torch.equal(value, backbone.state_dict()[key])


def test_a_checkpoint_that_wraps_its_state_dict_fits(saved: Path, tmp_path: Path) -> None:
    wrapped = {"epoch": 3, "state_dict": torch.load(saved, weights_only=True)}
    torch.save(wrapped, tmp_path / "checkpoint.pth")
    plain, loaded = build_backbone(SMALL, 1), build_backbone(SMALL, 2)
    load_backbone_weights(SMALL, plain, saved)
    load_backbone_weights(SMALL, loaded, tmp_path / "checkpoint.pth")
    for key, value in plain.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value)


def test_densenet_files_of_old_versions_fit(tmp_path: Path) -> None:
    source = build_backbone("densenet121", 4)
    old = {
        key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): value
        for key, value in source.state_dict().items()
    }
    assert old.keys() != source.state_dict().keys()
    torch.save(old, tmp_path / "old.pth")
    loaded = build_backbone("densenet121")
    load_backbone_weights("densenet121", loaded, tmp_path / "old.pth")
    key = "features.denseblock1.denselayer1.conv2.weight"
    assert torch.equal(loaded.state_dict()[key], source.state_dict()[key])


def test_a_file_for_another_network_is_refused_with_its_first_keys(saved: Path) -> None:
    with pytest.raises(WeightsMismatch) as caught:
        load_backbone_weights("resnet18", build_backbone("resnet18"), saved)
    message = str(caught.value)
    assert "weights.pth does not fit backbone resnet18" in message
    assert "missing (conv1.weight, bn1.weight, bn1.bias, ...)" in message
    assert "unknown (conv1.0.weight" in message
    assert "backbone.name" in message


def test_a_layer_of_another_shape_is_refused_and_nothing_is_loaded(tmp_path: Path) -> None:
    state = build_backbone(SMALL, 1).state_dict()
    state["conv1.0.weight"] = torch.zeros(24, 1, 3, 3)
    torch.save(state, tmp_path / "grey.pth")
    backbone = build_backbone(SMALL)
    before = backbone.state_dict()["conv5.0.weight"].clone()
    with pytest.raises(WeightsMismatch, match=r"conv1.0.weight \(24, 1, 3, 3\) instead of \(24, 3"):
        load_backbone_weights(SMALL, backbone, tmp_path / "grey.pth")
    assert torch.equal(backbone.state_dict()["conv5.0.weight"], before)


class Trap:
    """Runs code when unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("sprung",)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_what_is_no_weights_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(b"<html>404</html>" * 10)
    with pytest.raises(WeightsMismatch, match=f"weights{suffix} cannot be read"):
        load_backbone_weights(SMALL, build_backbone(SMALL), path)


def test_a_pickle_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"conv1.0.weight": Trap()}, "trap.pth")
    with pytest.raises(WeightsMismatch, match="cannot be read"):
        load_backbone_weights(SMALL, build_backbone(SMALL), Path("trap.pth"))
    assert not Path("sprung").exists()


def test_a_file_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    torch.save([torch.zeros(1)], tmp_path / "list.pth")
    with pytest.raises(WeightsMismatch, match="holds no state dict"):
        load_backbone_weights(SMALL, build_backbone(SMALL), tmp_path / "list.pth")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mobilenet_v2", "mobilenet_v2-imagenet1k-features.pth"),
        ("squeezenet1_1", "squeezenet1_1-imagenet1k.pth"),
    ],
)
def test_real_weights_load(name: str, file: str) -> None:
    path = given_weights(file)
    backbone = build_backbone(name)
    load_backbone_weights(name, backbone, path)
    state = torch.load(path, weights_only=True)
    first = next(iter(state))
    assert torch.equal(backbone.state_dict()[first], state[first])


def test_blocks_are_in_order_and_cover_the_network() -> None:
    backbone = build_backbone("resnet18")
    found = blocks(backbone)
    assert [type(block[0]).__name__ for block in found] == ["Conv2d"] + ["BasicBlock"] * 8
    assert found[-1] == [backbone.layer4[1]]
    assert found[0] == [backbone.conv1, backbone.bn1]  # a normalisation goes with its layer
    own = {id(p) for block in found for module in block for p in module.parameters()}
    assert own == {id(p) for p in backbone.parameters()}


def test_a_transformers_encoder_is_taken_apart() -> None:
    last = blocks(build_backbone("vit_b_32"))[-1]
    assert [type(module).__name__ for module in last] == ["EncoderBlock", "LayerNorm"]


@pytest.mark.parametrize(
    ("available", "gpu", "device"),
    [
        (True, None, "cuda:3"),  # the current one, by its number: another thread has another
        (True, 1, "cuda:1"),
        (True, 0, "cuda:0"),
        (False, None, "cpu"),
        (False, 1, "cpu"),
    ],
)
def test_the_best_device_is_the_gpu_asked_for_or_the_current_one(
    available: bool, gpu: int | None, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    assert best_device(gpu) == torch.device(device)


def test_the_head_standardises() -> None:
    head = Head(4, 3)
    head.mean.fill_(2.0)
    head.std.fill_(5.0)
    features = torch.randn(6, 4)
    torch.testing.assert_close(head(features), head.linear((features - 2) / 5))


def test_a_classifier_is_backbone_then_head(tmp_path: Path) -> None:
    backbone = build_backbone(SMALL)
    classifier = Classifier(backbone, Head(1024, 3)).eval()
    pictures = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(classifier(pictures), classifier.head(backbone(pictures)))
    save_file(classifier.state_dict(), tmp_path / "model.safetensors")
    load_state(classifier, load_file(tmp_path / "model.safetensors"))
