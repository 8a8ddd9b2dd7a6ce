"""Write the rows of backbones.py anew: python -m pretrained.make_backbones (make backbones)."""

import re
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import torch
import torchvision
from torch import nn

from backbones import Backbone, own_tensors
from network import blocks
from pretrained.loading import described
from pretrained.valueless import valueless_backbone

_USUAL = 224
_LARGEST = 2048  # as preprocessing.crop in the settings


def main(file: Path) -> None:
    """Put the rows of every model into the file."""
    names = torchvision.models.list_models(module=torchvision.models)
    rows = "\n".join(row_of(name, measured(name)) for name in names)
    text = file.read_text(encoding="utf-8")
    text = re.sub(r'(?<=_ROWS = """\n)[^"]*(?=""")', f"{rows}\n", text)
    text = re.sub(r'(?<=TORCHVISION = ")[^"]*', torchvision_version(), text)
    file.write_text(text, encoding="utf-8")


def torchvision_version() -> str:
    """Return the version that is installed, without what it was built for."""
    return version("torchvision").partition("+")[0]


def measured(name: str) -> Backbone:
    """Return what backbones.py is to say of a model."""
    backbone = valueless_backbone(name)
    smallest, largest = _sizes(backbone)
    size = min(max(smallest, _USUAL), largest)
    found = described(backbone)
    return replace(
        found,
        blocks=len(blocks(backbone)),
        features=_features(backbone, size),
        smallest=smallest,
        largest=None if largest == _LARGEST else largest,
        thousands=_thousands(backbone, found.heads),
    )


def row_of(name: str, one: Backbone) -> str:
    """Format a model as a row of the table."""
    sizes = (one.smallest, one.largest or 0)
    numbers = (one.blocks, one.features, *sizes, one.tensors, one.thousands)
    return " ".join([name, *map(str, numbers), one.first, one.digest, ",".join(one.heads)])


def _thousands(backbone: nn.Module, heads: Sequence[str]) -> int:
    numbers: int = sum(
        tensor.numel() for tensor in own_tensors(backbone.state_dict(), heads).values()
    )
    return -(-numbers // 1000)


def _sizes(backbone: nn.Module) -> tuple[int, int]:
    """Return the smallest and the largest pictures that go in."""
    if not _takes(backbone, _LARGEST):
        size = next(size for size in range(_USUAL, _LARGEST) if _takes(backbone, size))
        return size, size
    low, high = 0, _LARGEST  # the smallest is above `low`, and at most `high`
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _takes(backbone, middle) else (middle, high)
    return high, _LARGEST


def _takes(backbone: nn.Module, size: int) -> bool:
    try:
        return _features(backbone, size) > 0
    except (RuntimeError, AssertionError, ValueError, IndexError):
        return False


@torch.inference_mode()
def _features(backbone: nn.Module, size: int) -> int:
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        features = backbone(torch.zeros(1, 3, size, size))
    return int(features.shape[1])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
