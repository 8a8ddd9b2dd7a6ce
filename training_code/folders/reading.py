"""Read a data set's folders: the one way in, for a run here, an upload and Prepare."""

from pathlib import Path

from .judge import judge
from .layout import AUTO, EXPECTED, LAYOUTS, Layout, Reading, UnusableLayout
from .readers import read_as
from .walk import IsPicture, Tree, UnusableFolder, walk


def read_folder(root: Path, is_picture: IsPicture, layout: str = AUTO) -> Reading:
    """Walk a folder and read it as `layout` or, for `auto`, in the one way it can be meant.

    `is_picture` judges the first bytes of a file whose name does not say that it is a picture.
    Raises UnusableLayout, AmbiguousLayout where it can be meant in several ways, and for a folder
    that cannot be read its OSError.
    """
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "does not exist"
        raise UnusableLayout(f"the data folder {root} {what}; {EXPECTED}")
    try:
        return read_tree(walk(root, is_picture), layout)
    except UnusableFolder as error:
        raise UnusableLayout(str(error)) from error


def read_tree(tree: Tree, layout: str = AUTO) -> Reading:
    """Read a tree that was walked. Raises UnusableLayout, AmbiguousLayout."""
    return read_as(judge(tree.top) if layout == AUTO else _known(layout), tree)


def _known(layout: str) -> Layout:
    for one in LAYOUTS:
        if one == layout:
            return one
    raise UnusableLayout(f"layout {layout!r}: give {AUTO}, {' or '.join(LAYOUTS)}")
