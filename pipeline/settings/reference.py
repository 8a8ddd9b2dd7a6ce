"""Describe every setting: its type and bounds from the models, its meaning from pipeline.yaml."""

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipeline.settings.errors import dotted
from pipeline.settings.keys import Keys
from pipeline.settings.model import Settings
from pipeline.settings.yaml_reader import read_yaml

Schema = Mapping[str, Any]
_BOUNDS = {
    "exclusiveMinimum": "above",
    "minimum": "from",
    "exclusiveMaximum": "below",
    "maximum": "to",
}


@dataclass(frozen=True)
class Entry:
    """One setting: its key, what may be given, its value in pipeline.yaml, and what it does.

    `schema` says what may be given as JSON Schema does, `allowed` in words.
    """

    key: str
    allowed: str
    default: str
    meaning: str
    schema: Schema = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class SectionEntries:
    """A top-level section with what it is about and the settings in it."""

    name: str
    about: str
    entries: tuple[Entry, ...]


def sections(path: Path) -> list[SectionEntries]:
    """Return every setting of the base in `path`, a section after another, in the models' order."""
    text = path.read_text(encoding="utf-8")
    data, lines = read_yaml(text)
    meanings = _meanings(text, _first_key(lines))
    schema = Settings.model_json_schema()
    found = []
    for name, inner in schema["properties"].items():
        resolved = _resolved(inner, schema)
        entries = tuple(_entries((name,), inner, schema, data, meanings))
        about = resolved.get("description", "") if "properties" in resolved else ""
        found.append(SectionEntries(name, about, entries))
    return found


def _entries(
    path: Keys, node: Schema, root: Schema, data: Mapping[str, Any], meanings: Mapping[Keys, str]
) -> Iterator[Entry]:
    resolved = _resolved(node, root)
    if "properties" in resolved:
        for name, inner in resolved["properties"].items():
            yield from _entries((*path, name), inner, root, data, meanings)
        return
    above = (path[:length] for length in range(len(path), 1, -1))
    meaning = next((meanings[keys] for keys in above if keys in meanings), meanings.get(path, ""))
    words, default = _allowed(resolved, root), _default(path, resolved, data)
    yield Entry(dotted(path), words, default, meaning, resolved)


def _resolved(node: Schema, root: Schema) -> Schema:
    reference = node.get("$ref")
    if reference is None:
        return node
    found: Schema = root["$defs"][reference.rpartition("/")[2]]
    return found


def _default(path: Keys, node: Schema, data: Any) -> str:
    for part in path:
        if not isinstance(data, Mapping) or part not in data:
            return json.dumps(node["default"]) if "default" in node else ""
        data = data[part]
    return json.dumps(data)


def _allowed(node: Schema, root: Schema) -> str:
    """Say in words what a value may be."""
    node = _resolved(node, root)
    if "anyOf" in node or "oneOf" in node:
        return _choices(node, root)
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    if "const" in node:
        return f"`{node['const']}`"
    kind = node.get("type")
    if kind == "array":
        return f"a list of {_allowed(node.get('items', {}), root)}{_at_most(node, 'maxItems')}"
    if kind == "object":
        return _mapping(node, root)
    words = {"boolean": "true or false", "integer": "a whole number", "number": "a number"}
    return node.get("form") or words.get(str(kind), "text") + _bounds(node)


def _choices(node: Schema, root: Schema) -> str:
    if "discriminator" in node:
        return (
            "a list of values or {type: " + " or ".join(node["discriminator"]["mapping"]) + ", …}"
        )
    inner = node.get("anyOf") or node["oneOf"]
    return " or ".join(
        "null" if choice.get("type") == "null" else _allowed(choice, root) for choice in inner
    )


def _mapping(node: Schema, root: Schema) -> str:
    if "properties" in node:
        fields = node["properties"].items()
        return "{" + ", ".join(f"{name}: {_allowed(inner, root)}" for name, inner in fields) + "}"
    inner = node.get("additionalProperties")
    of = _allowed(inner, root) if isinstance(inner, Mapping) else "anything"
    return f"name: {of}{_at_most(node, 'maxProperties')}"


def _at_most(node: Schema, key: str) -> str:
    return f", at most {node[key]}" if key in node else ""


def _bounds(node: Schema) -> str:
    return "".join(f" {words} {node[key]}" for key, words in _BOUNDS.items() if key in node)


def _first_key(lines: Mapping[Keys, int]) -> dict[int, Keys]:
    """Return the setting that each line begins: the outermost one, and a list as a whole."""
    found: dict[int, Keys] = {}
    for keys, line in lines.items():
        setting = tuple(itertools.takewhile(lambda part: isinstance(part, str), keys))
        if setting:
            found.setdefault(line, setting)
    return found


def _meanings(text: str, keys_of: Mapping[int, Keys]) -> dict[Keys, str]:
    """Collect the comment beside each key; lines of comment alone go on with the one before."""
    ends = {token.end_mark.line: token.end_mark.column for token in yaml.scan(text)}
    found: dict[Keys, str] = {}
    last: Keys = ()
    for number, line in enumerate(text.splitlines()):
        last = keys_of.get(number + 1, last)
        comment = line[ends.get(number, 0) :].strip().lstrip("# ")
        # A comment at the left margin stands above a section and belongs to no key.
        if comment and last and not line.startswith("#"):
            found[last] = f"{found.get(last, '')} {comment}".strip()
    return found
