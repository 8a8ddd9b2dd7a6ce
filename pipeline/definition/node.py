"""Read a JSON value together with its path, without knowing whether it is there."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]

_ONE_UNIT = 0xFFFF  # the last character that JSON escapes as one
_SHOWN = 60  # characters of a value in a message


@dataclass(frozen=True)
class Node:
    """A JSON value and its path; what is absent or of another type reads as nothing."""

    value: Any = None
    path: Path = ()

    def __getitem__(self, key: str) -> "Node":
        """Return the member of that name; its value is None when there is none."""
        inner = self.value.get(key) if isinstance(self.value, dict) else None
        return Node(inner, (*self.path, key))

    def at(self, *keys: str) -> "Node":
        """Return the member at the end of a path of names."""
        node = self
        for key in keys:
            node = node[key]
        return node

    def items(self) -> list["Node"]:
        """Return the elements of a list; none for anything else."""
        if not isinstance(self.value, list):
            return []
        return [Node(inner, (*self.path, index)) for index, inner in enumerate(self.value)]

    def members(self) -> list[tuple[str, "Node"]]:
        """Return the members of an object; none for anything else."""
        if not isinstance(self.value, dict):
            return []
        return [(str(key), Node(inner, (*self.path, key))) for key, inner in self.value.items()]

    def children(self) -> list["Node"]:
        """Return all nodes one level below."""
        return self.items() or [inner for _, inner in self.members()]

    def walk(self) -> Iterator["Node"]:
        """Yield the node and all below it, in the order they are written."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children()))

    @property
    def key(self) -> str:
        """The name the value stands under; "" for an element of a list and for the whole."""
        last = self.path[-1] if self.path else ""
        return last if isinstance(last, str) else ""

    @property
    def text(self) -> str | None:
        """The value, when it is text."""
        return self.value if isinstance(self.value, str) else None

    @property
    def number(self) -> float | None:
        """The value, when it is a number."""
        return self.value if is_number(self.value) else None

    @property
    def exists(self) -> bool:
        """Whether there is a value here."""
        return self.value is not None


def is_number(value: Any) -> bool:
    """Check whether a JSON value is a number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def path_text(path: Path) -> str:
    """Format a path as text, as in $.Steps[2].Arguments.HyperParameters.lr."""
    return "$" + "".join(_part_text(part) for part in path)


def shown(value: Any) -> str:
    """Format a value for a message: as JSON, cut when long."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def printable(text: str) -> str:
    """Escape, as JSON would, what a terminal should not see, and keep the lines.

    That is half of a surrogate pair, and whatever moves a cursor or turns the writing round.
    """
    return "\n".join(map(one_line, text.split("\n")))


def one_line(text: str) -> str:
    """Escape what a terminal should not see, line breaks too: a name then cannot begin a line."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _escaped(one) for one in text)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= _ONE_UNIT else json.dumps(character)[1:-1]


def _part_text(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if part.replace("_", "a").isalnum() else f"[{json.dumps(part)}]"
