"""Read a command line that is being typed: which of our commands it is, and how far."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

_PACKAGE = "pipeline"


@dataclass(frozen=True)
class Line:
    """A command line of ours: `words` are complete, `begun` is the one that is being typed.

    `command` is None while the command itself is being typed: with `is_module` as in
    `python -m pipeline.r`, else as in `python -m pipeline r`.
    """

    command: str | None
    words: tuple[str, ...]
    begun: str
    is_module: bool = False


def read_line(text: str) -> Line | None:
    """Read the text before the cursor; None when it is no line of ours."""
    *words, begun = _split(text)
    if "-m" not in words:
        return None
    start = len(words) - words[::-1].index("-m")
    if start == len(words):
        is_ours = begun.startswith(_PACKAGE[:4]) and f"{_PACKAGE}.".startswith(begun[:9])
        return Line(None, (), begun, is_module=True) if is_ours else None
    module, *rest = words[start:]
    package, _, name = module.partition(".")
    if package != _PACKAGE:
        return None
    if name:
        return Line(name, tuple(rest), begun)
    return Line(rest[0], tuple(rest[1:]), begun) if rest else Line(None, (), begun)


def _split(text: str) -> Sequence[str]:
    """Split as a shell does; the last word is empty after a space, and may have an open quote."""
    for ending in ("", "'", '"'):
        try:
            words = shlex.split(text + ending)
        except ValueError:
            continue
        is_over = text[-1:].isspace() and not ending
        return [*words, ""] if is_over or not words else words
    return [""]
