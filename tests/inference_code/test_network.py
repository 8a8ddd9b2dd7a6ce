"""Backbones: any torchvision classifier, its head cut off."""

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
    best_device,
    blocks,
    build_backbone,
    feature_dimension,
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
