"""Find the heavy packages that a Python script will import, without running it."""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.syntax_trees import parse

# Slow to import, and safe to have imported before a fork: none starts a thread that a job needs.
_HEAVY = ("numpy", "PIL", "torch", "torchvision", "safetensors")
SLOWEST = "torch"  # of them by far
_SUBMODULES = {"PIL": "PIL.Image", "safetensors": "safetensors.torch"}
ALL_HEAVY = tuple(_SUBMODULES.get(name, name) for name in _HEAVY)


def heavy_imports(script: Path, arguments: Sequence[str]) -> list[str]:
    """List the heavy modules a script imports, itself or through modules and packages beside it.

    Scripts beside it that its arguments name count as well: a wrapper runs them. What cannot be
    read is left out, as the script will say so itself.
    """
    folder = script.parent
    named = [folder / word for word in arguments if word.endswith(".py") and "/" not in word]
    waiting, seen, found = [script, *named], set[Path](), set[str]()
    while waiting:
        file = waiting.pop()
        if file in seen or not file.is_file():
            continue
        seen.add(file)
        for module in _imported(file, folder):
            if beside := list(_beside(folder, module)):
                waiting.extend(beside)
            elif (top := module.partition(".")[0]) in _HEAVY:
                found.add(top)
    return [name for top, name in zip(_HEAVY, ALL_HEAVY, strict=True) if top in found]


def _imported(file: Path, folder: Path) -> Iterator[str]:
    """List what a file below `folder` imports, as dotted names of modules or of names in them."""
    try:
        tree = parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    package = file.parent.relative_to(folder).parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            words = [*start, node.module] if node.module else start
            yield from (".".join([*words, name.name]) for name in node.names)


def _beside(folder: Path, module: str) -> Iterator[Path]:
    """List the files below `folder` that importing a dotted name runs."""
    path = folder
    for part in module.split("."):
        path /= part
        yield from (file for file in (path / "__init__.py", Path(f"{path}.py")) if file.is_file())
