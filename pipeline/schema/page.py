"""Write the documents' schema as a page for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_START = "#/$defs/"
_WORDS = {
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "null": "null",
}
_FORMATS = {"date-time": "a time", "path": "a path", "binary": "text"}


def page(schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines: every command's document, then the types within."""
    within: list[str] = []
    for command, document in schema["commands"].items():
        yield from (f"## {command}", "")
        for shape in document.get("anyOf", [document]):
            resolved = _resolved(shape, schema)
            within += _named(resolved)
            yield from _shape(resolved)
    yield from ("## Types", "")
    for name in _with_inner(within, schema["$defs"]):
        yield from (f"### {name}", "")
        yield from _shape(schema["$defs"][name])


def _with_inner(names: Sequence[str], types: Mapping[str, Any]) -> list[str]:
    """Return these types with those within them, in alphabetical order."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += _named(types[name])
    return sorted(found, key=str.lower)


def _named(node: Any) -> list[str]:
    """List the types that a schema refers to, below itself."""
    if isinstance(node, Mapping):
        own = [node["$ref"].removeprefix(_START)] if isinstance(node.get("$ref"), str) else []
        return own + [name for inner in node.values() for name in _named(inner)]
    return [name for inner in node for name in _named(inner)] if isinstance(node, list) else []


def _resolved(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = node.get("$ref", "").removeprefix(_START)
    if not name:
        return node
    return {**schema["$defs"][name], **{key: one for key, one in node.items() if key != "$ref"}}


def _shape(node: Mapping[str, Any]) -> Iterator[str]:
    if "description" in node:
        yield from (" ".join(node["description"].split()), "")
    if "properties" not in node:
        words = _words(node)
        yield from (f"{words[0].upper()}{words[1:]}.", "")
        return
    yield from ("| member | is |", "|---|---|")
    for name, one in node["properties"].items():
        yield f"| `{name}` | {_words(one)} |"
    yield ""


def _words(node: Mapping[str, Any]) -> str:
    """Say in words what a value is."""
    if "$ref" in node:
        name = node["$ref"].removeprefix(_START)
        return f"[{name}](#{name.lower().replace('.', '')})"
    if "anyOf" in node:
        return " or ".join(dict.fromkeys(_words(one) for one in node["anyOf"]))
    if values := node.get("enum", [node["const"]] if "const" in node else []):
        return " or ".join(f"`{value}`" for value in values)
    of_kind = {"array": _array, "object": _object}.get(str(node.get("type")), _scalar)
    return of_kind(node)


def _scalar(node: Mapping[str, Any]) -> str:
    kind = node.get("type")
    kind = kind[0] if isinstance(kind, list) else kind  # a number may be null: said at the top
    return _FORMATS.get(node.get("format", "")) or _WORDS.get(str(kind), "anything")


def _object(node: Mapping[str, Any]) -> str:
    inner = node.get("additionalProperties")
    return f"by name: {_words(inner)}" if isinstance(inner, dict) else "any members"


def _array(node: Mapping[str, Any]) -> str:
    if "prefixItems" in node:
        return f"[{', '.join(map(_words, node['prefixItems']))}]"
    return f"a list of {_words(node.get('items', {}))}"
