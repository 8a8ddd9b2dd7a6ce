"""Check a weights file as the job will, before it runs: python -m pretrained.check BACKBONE FILE.

Prints what of the file would be taken. Needs no torch; with it, what does not fit is told by name.
"""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from backbones import BACKBONES, own_tensors
from pretrained.problems import UnusableWeights, shown
from pretrained.state_dict import find, misfit, nearest
from pretrained.weights_file import read_contents


def check(name: str, path: Path) -> str:
    """Return in words what of the file belongs to the backbone. Raises UnusableWeights, OSError."""
    contents, backbone = read_contents(path), BACKBONES[name]
    try:
        found = find(contents.tree, backbone)
        if found is None:
            raise misfit(contents.tree, name, backbone, lambda: _detail(name, contents.tree))
    except UnusableWeights as error:
        raise UnusableWeights(f"weights file {shown(path.name)}: {error}") from None
    return found.words()


def _detail(name: str, tree: Any) -> str:
    """Say which tensors differ; empty without torch, or with one that has no such model."""
    if find_spec("torch") is None or find_spec("torchvision") is None:
        return ""
    from network import UnknownBackbone  # noqa: PLC0415 - heavy, and only needed to explain
    from pretrained.loading import differences, removed_heads  # noqa: PLC0415 - as above
    from pretrained.valueless import valueless_backbone  # noqa: PLC0415 - as above

    try:
        backbone = valueless_backbone(name)
    except UnknownBackbone:
        return ""
    own = backbone.state_dict()
    near = nearest(tree, own, BACKBONES[name].first)
    return differences(own, own_tensors(near, removed_heads(backbone)))


def main(name: str, path: Path) -> int:
    """Print what would be taken, or on stderr why nothing can be; return the exit code."""
    try:
        sys.stdout.write(check(name, path))
    except UnusableWeights as error:
        sys.stderr.write(str(error))
        return 1
    except OSError as error:
        sys.stderr.write(f"weights file {shown(path.name)}: {error.strerror}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
