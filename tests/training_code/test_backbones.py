"""The table of torchvision's models is that of the version in use."""

import re
from pathlib import Path

import pytest
import torchvision

from backbones import BACKBONES, TORCHVISION
from pretrained.make_backbones import measured, torchvision_version

ROOT = Path(__file__).resolve().parents[2]
# Each is told apart from the others by how it is built: heads, sequences, sizes that go in.
SOME = ("alexnet", "googlenet", "mobilenet_v2", "regnet_y_400mf", "resnet18", "vit_b_32")


def test_it_is_of_the_torchvision_that_is_pinned() -> None:
    (pinned,) = re.findall(r"^torchvision==(\S+)", (ROOT / "constraints.txt").read_text(), re.M)
    assert TORCHVISION == pinned == torchvision_version(), "run: make backbones"


def test_it_has_every_model() -> None:
    assert list(BACKBONES) == torchvision.models.list_models(module=torchvision.models)


@pytest.mark.parametrize("name", SOME)
def test_a_row_is_what_is_measured(name: str) -> None:
    assert measured(name) == BACKBONES[name], "run: make backbones"


def test_no_two_models_have_the_same_tensors() -> None:
    assert len({backbone.digest for backbone in BACKBONES.values()}) == len(BACKBONES)


@pytest.mark.parametrize(
    ("name", "crop", "takes", "sizes"),
    [
        ("vit_b_32", 224, True, "pictures of 224"),
        ("vit_b_32", 225, False, "pictures of 224"),
        ("alexnet", 62, False, "pictures of 63 or more"),
        ("alexnet", 63, True, "pictures of 63 or more"),
    ],
)
def test_which_pictures_go_in(name: str, crop: int, takes: bool, sizes: str) -> None:
    assert BACKBONES[name].takes(crop) is takes
    assert BACKBONES[name].sizes() == sizes
