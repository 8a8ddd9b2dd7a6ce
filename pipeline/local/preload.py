"""Find the heavy packages that a Python script will import, without running it."""

import ast
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

# Slow to import, and safe to have imported before a fork: none starts a thread that a job needs.
_HEAVY = ("numpy", "PIL", "torch", "torchvision", "safetensors")
# Python 3.11 cannot build syntax trees in two threads of a process at once.
_PARSING = threading.Lock()
_SUBMODULES = {"PIL": "PIL.Image", "safetensors": "safetensors.torch"}


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
        for module in _imported(file):
            top = module.partition(".")[0]
            if (beside := folder / f"{top}.py").is_file():
                waiting.append(beside)
            elif top in _HEAVY:
                found.add(top)
    return [_SUBMODULES.get(top, top) for top in _HEAVY if top in found]


def _imported(file: Path) -> Iterator[str]:
    try:
        with _PARSING:
            tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
