"""Compare two JSON values field by field: what was added, removed or changed, and where."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from pipeline.check.functions import function_name
from pipeline.definition.natural_keys import NATURAL_KEYS, UNORDERED

Kind = Literal["added", "removed", "changed"]

_ABSENT = object()
_BEFORE = 20  # characters shown before a difference
_MOST_PAIRS = 1_000_000  # of elements, to find what was moved: more would take minutes
_SHOWN = 110  # characters of a value in a line


@dataclass(frozen=True)
class Change:
    """A difference. `old` is None for what was added, `new` for what was removed."""

    path: str
    kind: Kind
    old: Any = None
    new: Any = None

    def text(self) -> str:
        """Format as `path: old -> new`, functions written as ${...} and long values cut."""
        if self.kind == "added":
            return f"{self.path}: {_cut(written(self.new))} (added)"
        if self.kind == "removed":
            return f"{self.path}: {_cut(written(self.old))} (removed)"
        old, new = written(self.old), written(self.new)
        same = _common_prefix_length(old, new) if max(len(old), len(new)) > _SHOWN else 0
        # Of long values that begin alike, what differs is shown.
        start = max(0, same - _BEFORE)
        lead = "…" if start else ""
        return f"{self.path}: {lead}{_cut(old[start:])} -> {lead}{_cut(new[start:])}"


def changes(old: Any, new: Any, path: str = "", name: str = "") -> Iterator[Change]:
    """Yield every difference below a path. `name` is the member that the values stand under.

    Elements of lists are matched by their names, where they have some; lists in which order means
    nothing are compared as sets. A pipeline function is one value.
    """
    if _same(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict) and not _is_function(old, new):
        yield from _by_key(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(old, new, path, name)
    else:
        yield Change(path, "changed", old, new)


def written(value: Any) -> str:
    """Format a value for people: JSON, but a function as ${Parameters.X} or a text around it."""
    name = function_name(value)
    if name == "Get":
        return f"${{{value['Get']}}}"
    if name == "Std:Join" and isinstance(value[name], dict):
        parts = value[name].get("Values")
        between = str(value[name].get("On", ""))
        if isinstance(parts, list):
            return between.join(p if isinstance(p, str) else written(p) for p in parts)
    if name == "Std:JsonGet" and isinstance(value[name], dict):
        return f"${{{value[name].get('Path')} in {written(value[name].get('PropertyFile'))}}}"
    return json.dumps(value, ensure_ascii=False)


def _common_prefix_length(old: str, new: str) -> int:
    """Count the characters that two texts begin with in common."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(old), len(new)))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _same(old: Any, new: Any) -> bool:
    """Check equality that tells true from 1, at any depth."""
    return bool(old == new) and json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True)


def _is_function(old: Any, new: Any) -> bool:
    return function_name(old) is not None or function_name(new) is not None


def _by_key(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> Iterator[Change]:
    for key in [*old, *(key for key in new if key not in old)]:
        yield from _pair(old.get(key, _ABSENT), new.get(key, _ABSENT), _join(path, key), key)


def _pair(old: Any, new: Any, path: str, name: str) -> Iterator[Change]:
    if old is _ABSENT:
        yield Change(path, "added", new=new)
    elif new is _ABSENT:
        yield Change(path, "removed", old=old)
    else:
        yield from changes(old, new, path, name)


def _lists(old: list[Any], new: list[Any], path: str, name: str) -> Iterator[Change]:
    for read in (_named(name), _policies, _options):
        before, after = read(old), read(new)
        if before is not None and after is not None:
            found = list(_elements(before, after, path))
            yield from found or _reordered(old, new, path, read is _options)
            return
    if name in UNORDERED:
        yield from _as_sets(old, new, path)
    else:
        yield from _in_order(old, new, path)


def _elements(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> Iterator[Change]:
    for key in [*old, *(key for key in new if key not in old)]:
        yield from _pair(old.get(key, _ABSENT), new.get(key, _ABSENT), f"{path}[{key}]", "")


def _reordered(old: list[Any], new: list[Any], path: str, ordered: bool) -> Iterator[Change]:
    if ordered:
        yield Change(path, "changed", old, new)


def _named(name: str) -> Any:
    """Return a reader of a list as its elements by name; it gives None when some lack their own."""

    def read(items: list[Any]) -> Mapping[str, Any] | None:
        key = NATURAL_KEYS.get(name, "")
        names = [item.get(key) if isinstance(item, dict) else None for item in items]
        texts = [one for one in names if isinstance(one, str)]
        if not key or len(texts) < len(items) or len(set(texts)) < len(texts):
            return None
        return dict(zip(texts, items, strict=True))

    return read


def _policies(items: list[Any]) -> Mapping[str, Any] | None:
    """Return retry policies by the exceptions they are for."""
    found: dict[str, Any] = {}
    for item in items:
        exceptions = item.get("ExceptionType") if isinstance(item, dict) else None
        if not isinstance(exceptions, list) or not all(isinstance(e, str) for e in exceptions):
            return None
        found[", ".join(sorted(exceptions))] = {**item, "ExceptionType": sorted(exceptions)}
    return found if found and len(found) == len(items) else None


def _options(items: list[Any]) -> Mapping[str, Any] | None:
    """Return a command's arguments by --name; None when not all are options with values."""
    names, values = items[::2], items[1::2]
    if not items or len(names) != len(values) or len({str(n) for n in names}) < len(names):
        return None
    if not all(isinstance(name, str) and name.startswith("--") for name in names):
        return None
    return dict(zip(names, values, strict=True))


def _as_sets(old: list[Any], new: list[Any], path: str) -> Iterator[Change]:
    for item in old:
        if item not in new:
            yield Change(path, "removed", old=item)
    for item in new:
        if item not in old:
            yield Change(path, "added", new=item)


def _in_order(old: list[Any], new: list[Any], path: str) -> Iterator[Change]:
    before_texts, after_texts = (
        [json.dumps(item, sort_keys=True) for item in items] for items in (old, new)
    )
    for tag, a, b, c, d in _edits(before_texts, after_texts):
        if tag == "equal":
            continue
        for index in range(max(b - a, d - c)):
            place = f"{path}[{c + index if c + index < d else a + index}]"
            before = old[a + index] if a + index < b else _ABSENT
            after = new[c + index] if c + index < d else _ABSENT
            yield from _pair(before, after, place, "")


def _edits(old: list[str], new: list[str]) -> list[tuple[str, int, int, int, int]]:
    """Return what turns one list into the other; of long ones, place by place."""
    if len(old) * len(new) > _MOST_PAIRS:
        return [("replace", 0, len(old), 0, len(new))]
    return list(SequenceMatcher(None, old, new, autojunk=False).get_opcodes())


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def without(value: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """Return the object without some members."""
    return {key: inner for key, inner in value.items() if key not in keys}
