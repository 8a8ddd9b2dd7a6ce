"""A backbone in two parts is the same network, whatever its architecture."""

import pytest
import torch
from torch import nn

from learning.network_cut import CannotCut, cut
from network import blocks, build_backbone


def last_blocks(backbone: nn.Module, count: int) -> list[nn.Module]:
    return [module for block in blocks(backbone)[-count:] for module in block]


@pytest.mark.parametrize(
    "name",
    [
        "mobilenet_v2",
        "resnet18",
        "densenet121",
        "swin_t",
        "vgg11",
    ],
)
def test_both_parts_make_the_whole(name: str) -> None:
    backbone = build_backbone(name)
    unfrozen = last_blocks(backbone, 2)
    parts = cut(backbone, unfrozen)
    pictures = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(parts.moving(parts.frozen(pictures)), backbone(pictures))


def test_the_moving_part_has_the_unfrozen_layers_under_their_own_names() -> None:
    backbone = build_backbone("resnet18")
    unfrozen = last_blocks(backbone, 2)
    parts = cut(backbone, unfrozen)
    own = dict(backbone.named_parameters())
    moving = dict(parts.moving.named_parameters())
    assert all(own[name] is value for name, value in moving.items())
    assert {id(p) for p in moving.values()} == {id(p) for m in unfrozen for p in m.parameters()}
    assert all(name.startswith("layer4.") for name in moving)


class Ladder(nn.Module):
    """Its last layer sees the pictures as well as what the layer before made of them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.last(self.first(pictures) + pictures)
        return found * pictures


class Chooser(nn.Module):
    """Its way depends on the values that it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.first(pictures)
        return found if pictures.sum() > 0 else self.last(found)


@pytest.mark.parametrize(
    ("backbone", "reason"),
    [(Ladder(), "more than one tensor"), (Chooser(), "cannot be followed")],
)
def test_what_cannot_be_cut_says_why(backbone: nn.Module, reason: str) -> None:
    with pytest.raises(CannotCut, match=reason):
        cut(backbone, [list(backbone.children())[-1]])


class Scaled(nn.Module):
    """Its code does something before its first block, as Inception's does."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 3, 1)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        scaled: torch.Tensor = self.first(pictures * 2 - 1)
        return scaled


def test_what_comes_before_the_first_block_is_no_frozen_block() -> None:
    backbone = Scaled()
    with pytest.raises(CannotCut, match="no block is frozen"):
        cut(backbone, [backbone.first])


def test_without_a_frozen_block_there_is_nothing_to_cut() -> None:
    backbone = build_backbone("squeezenet1_1")
    with pytest.raises(CannotCut, match="no block is frozen"):
        cut(backbone, last_blocks(backbone, len(blocks(backbone))))
