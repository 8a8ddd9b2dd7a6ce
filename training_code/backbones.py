"""List torchvision's classification models, as the pipeline sees them, for checks without torch.

The rows are made by `make backbones`, from the torchvision that constraints.txt pins; a test holds
them to it.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

_RENAMED = (
    (re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\."), r"\1\2."),
    (re.compile(r"(encoder_layer_\d+\.mlp)\.linear_1\."), r"\1.0."),
    (re.compile(r"(encoder_layer_\d+\.mlp)\.linear_2\."), r"\1.3."),
)


class Shaped(Protocol):
    """A tensor, or what stands for one."""

    @property
    def shape(self) -> Iterable[int]:
        """The sizes of its dimensions."""


Tensor = TypeVar("Tensor", bound=Shaped)


@dataclass(frozen=True)
class Backbone:
    """A model without its head.

    `blocks` can be fine-tuned; `features` come out. Pictures have `smallest` to `largest` pixels
    (None: without limit). Of its `tensors`, which hold so many `thousands` of numbers, `first` is
    the first one's name and `digest` a hash of all names and shapes; torchvision's own heads, below
    the paths `heads`, are none of them.
    """

    blocks: int
    features: int
    smallest: int
    largest: int | None
    tensors: int
    thousands: int
    first: str
    digest: str
    heads: tuple[str, ...]

    def takes(self, crop: int) -> bool:
        """Check whether pictures of `crop` x `crop` pixels can go in."""
        return self.smallest <= crop and (self.largest is None or crop <= self.largest)

    def sizes(self) -> str:
        """Say in words which pictures go in, in pixels."""
        if self.smallest == self.largest:
            return f"pictures of {self.smallest}"
        most = "" if self.largest is None else f" to {self.largest}"
        return f"pictures of {self.smallest}{most or ' or more'}"


def own_tensors(state: Mapping[str, Tensor], heads: Iterable[str]) -> dict[str, Tensor]:
    """Return a state dict under today's names, without heads and counters of batches seen."""
    left_out = tuple(f"{path}." for path in heads)
    return {
        todays_name(name): tensor
        for name, tensor in state.items()
        if not name.startswith(left_out) and not name.endswith("num_batches_tracked")
    }


def todays_name(name: str) -> str:
    """Return the name that a tensor of an older torchvision, or of its published files, has now."""
    for old, new in _RENAMED:
        name = old.sub(new, name)
    return name


def digest_of(tensors: Mapping[str, Shaped]) -> str:
    """Return a hash of names and shapes, in whatever order they come."""
    lines = sorted(f"{name} {list(map(int, tensor.shape))}" for name, tensor in tensors.items())
    return hashlib.sha256("\n".join(lines).encode("utf-8", "replace")).hexdigest()[:16]


def _read(rows: str) -> dict[str, Backbone]:
    found = {}
    for row in rows.strip().splitlines():
        name, *numbers, first, digest, heads = row.split()
        blocks, features, smallest, largest, tensors, thousands = map(int, numbers)
        found[name] = Backbone(
            *(blocks, features, smallest, largest or None, tensors, thousands),
            *(first, digest, tuple(heads.split(","))),
        )
    return found


# blocks, features, smallest and largest (0: without limit), tensors, thousands of numbers, first,
# digest, heads
_ROWS = """
alexnet 7 4096 63 0 14 57004 features.0.weight 949187d35ea46698 classifier.6
convnext_base 40 1024 32 0 342 87567 features.0.0.weight 2af0e4c282351dfd classifier.2
convnext_large 40 1536 32 0 342 196231 features.0.0.weight b465b53092e1cd17 classifier.2
convnext_small 40 768 32 0 342 49455 features.0.0.weight a39288160ed4bfe2 classifier.2
convnext_tiny 22 768 32 0 180 27821 features.0.0.weight 505dad8ef8779178 classifier.2
densenet121 8 1024 29 0 604 7038 features.conv0.weight e25c2216629507b2 classifier
densenet161 8 2208 29 0 804 26692 features.conv0.weight 1165655d1e41e647 classifier
densenet169 8 1664 29 0 844 12643 features.conv0.weight c7b5c37294494ac3 classifier
densenet201 8 1920 29 0 1004 18322 features.conv0.weight 9905b56c32171ee9 classifier
efficientnet_b0 18 1280 1 0 309 4050 features.0.0.weight 833a4a6059801d57 classifier.1
efficientnet_b1 25 1280 1 0 437 6576 features.0.0.weight 210b5515665b3582 classifier.1
efficientnet_b2 25 1408 1 0 437 7769 features.0.0.weight c4e6436c9bc3652c classifier.1
efficientnet_b3 28 1536 1 0 494 10784 features.0.0.weight 6a6095c437beea71 classifier.1
efficientnet_b4 34 1792 1 0 608 17674 features.0.0.weight a3629c1d095bde84 classifier.1
efficientnet_b5 41 2048 1 0 736 28514 features.0.0.weight 850e68ea14319a54 classifier.1
efficientnet_b6 47 2304 1 0 850 40961 features.0.0.weight dc81ff0520690611 classifier.1
efficientnet_b7 57 2560 1 0 1035 64098 features.0.0.weight 3b811d5bf6f8b0a4 classifier.1
efficientnet_v2_l 81 1280 1 0 1329 117747 features.0.0.weight 152d08432c631523 classifier.1
efficientnet_v2_m 59 1280 1 0 961 53151 features.0.0.weight 0428ee59db6c4a48 classifier.1
efficientnet_v2_s 42 1280 1 0 670 20332 features.0.0.weight 672989009fd19674 classifier.1
googlenet 12 1024 15 0 285 5615 conv1.conv.weight a9a02176c1965fec aux1,aux2,fc
inception_v3 16 2048 75 0 470 21820 Conv2d_1a_3x3.conv.weight b628bc492e0cd5a5 AuxLogits,fc
maxvit_t 8 512 224 224 547 30509 stem.0.0.weight e598f205602148c1 classifier.5
mnasnet0_5 20 1280 1 0 260 959 layers.0.weight d9ce4c0ebec8601d classifier.1
mnasnet0_75 20 1280 1 0 260 1920 layers.0.weight 8cd83fc79c67217c classifier.1
mnasnet1_0 20 1280 1 0 260 3141 layers.0.weight 44caf0b4f23936ee classifier.1
mnasnet1_3 20 1280 1 0 260 5051 layers.0.weight 67372398074cd4a5 classifier.1
mobilenet_v2 19 1280 1 0 260 2258 features.0.0.weight f673e9d92a9af76b classifier.1
mobilenet_v3_large 18 1280 1 0 264 4227 features.0.0.weight 31b700b7a2589f3f classifier.3
mobilenet_v3_small 14 1024 1 0 208 1530 features.0.0.weight 9d4a270c55fe0348 classifier.3
regnet_x_16gf 17 2048 1 0 355 52341 stem.0.weight ef2b705faf1368f4 fc
regnet_x_1_6gf 14 912 1 0 295 8321 stem.0.weight d08015fddda188c5 fc
regnet_x_32gf 17 2520 1 0 370 105453 stem.0.weight 0159e91a6594b4c0 fc
regnet_x_3_2gf 19 1008 1 0 400 14351 stem.0.weight 53212974b2838fed fc
regnet_x_400mf 16 400 1 0 355 5133 stem.0.weight 55b580ead3908974 fc
regnet_x_800mf 9 672 1 0 265 6624 stem.0.weight 7b863e85d1ac9b1a fc
regnet_x_8gf 19 1920 1 0 370 37743 stem.0.weight 06de2bcbee42c356 fc
regnet_y_128gf 21 7392 1 0 538 637835 stem.0.weight 72c6016b269a4439 fc
regnet_y_16gf 15 3024 1 0 367 80688 stem.0.weight 83e80d7909951aa2 fc
regnet_y_1_6gf 21 888 1 0 538 10367 stem.0.weight 13117c31b00f30e1 fc
regnet_y_32gf 16 3712 1 0 405 141493 stem.0.weight 76838743e394d0fd fc
regnet_y_3_2gf 17 1512 1 0 424 17990 stem.0.weight ba12a7f14c44b849 fc
regnet_y_400mf 10 440 1 0 329 3931 stem.0.weight 7ba4bc85e7e47a5f fc
regnet_y_800mf 6 784 1 0 291 5678 stem.0.weight 6399a67aa0db3fac fc
regnet_y_8gf 14 2016 1 0 348 37451 stem.0.weight 07cd23ab0c356996 fc
resnet101 34 2048 1 0 520 42606 conv1.weight fa435ed251f75f52 fc
resnet152 51 2048 1 0 775 58296 conv1.weight 1d01fa3f5a54b712 fc
resnet18 9 512 1 0 100 11187 conv1.weight 804c0cdcc273681a fc
resnet34 17 512 1 0 180 21302 conv1.weight a73a85199e3729c5 fc
resnet50 17 2048 1 0 265 23562 conv1.weight 6f8d71cd701134f7 fc
resnext101_32x8d 34 2048 1 0 520 86946 conv1.weight 7afb830d0626c714 fc
resnext101_64x4d 34 2048 1 0 520 81610 conv1.weight 3fd639c4055fcc14 fc
resnext50_32x4d 17 2048 1 0 265 23049 conv1.weight 66016fd2ed329943 fc
shufflenet_v2_x0_5 18 1024 1 0 280 350 conv1.0.weight b6fb8dd93d6cd03d fc
shufflenet_v2_x1_0 18 1024 1 0 280 1270 conv1.0.weight c0756919dca1985d fc
shufflenet_v2_x1_5 18 1024 1 0 280 2503 conv1.0.weight be9448da408226bc fc
shufflenet_v2_x2_0 18 2048 1 0 280 5379 conv1.0.weight 448b6f741f1ff601 fc
squeezenet1_0 9 512 21 0 50 736 features.0.weight 1f11e45a6a2b1f42 classifier.1
squeezenet1_1 9 512 17 0 50 723 features.0.weight 644598888bad5eb0 classifier.1
swin_b 28 1024 4 0 351 86801 features.0.0.weight 8df7e50c76807a02 head
swin_s 28 768 4 0 351 48895 features.0.0.weight 968a750b56bca201 head
swin_t 16 768 4 0 183 27549 features.0.0.weight 6c2541336fddb433 head
swin_v2_b 28 1024 4 0 447 87015 features.0.0.weight c63c974da0fa1d9a head
swin_v2_s 28 768 4 0 447 49078 features.0.0.weight b429b7eeb5499e4f head
swin_v2_t 16 768 4 0 231 27638 features.0.0.weight 2a92dc38d37e6d83 head
vgg11 10 4096 32 0 20 128767 features.0.weight 9e5d51d2308bc029 classifier.6
vgg11_bn 10 4096 32 0 52 128778 features.0.weight 55ef9001a9e9f059 classifier.6
vgg13 12 4096 32 0 24 128951 features.0.weight 34186808c72588ba classifier.6
vgg13_bn 12 4096 32 0 64 128963 features.0.weight 661fcc1f0466c714 classifier.6
vgg16 15 4096 32 0 30 134261 features.0.weight abfc1b1f824cd7de classifier.6
vgg16_bn 15 4096 32 0 82 134278 features.0.weight a5a88ce950fcbe52 classifier.6
vgg19 18 4096 32 0 36 139571 features.0.weight 524d9002acbce855 classifier.6
vgg19_bn 18 4096 32 0 100 139593 features.0.weight 01f71d985ce46669 classifier.6
vit_b_16 13 768 224 224 150 85799 class_token 5b56a6cf4ca85005 heads.head
vit_b_32 13 768 224 224 150 87456 class_token 9374a6e93dcb88cc heads.head
vit_h_14 33 1280 224 224 390 630765 class_token ab426f55941d0d06 heads.head
vit_l_16 25 1024 224 224 294 303302 class_token 48593493a62e858f heads.head
vit_l_32 25 1024 224 224 294 305511 class_token 88a9065e19d2443e heads.head
wide_resnet101_2 34 2048 1 0 520 124976 conv1.weight baea10cb0e0ee551 fc
wide_resnet50_2 17 2048 1 0 265 66903 conv1.weight f6229ccb30ae1002 fc
"""
TORCHVISION = "0.27.1"  # the version that they are of
BACKBONES: Mapping[str, Backbone] = _read(_ROWS)
