"""Write the documents' schema as a page for people."""

from collections.abc import Iterator, Mapping
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
    for command, document in schema["commands"].items():
        yield from (f"## {command}", "")
        for shape in document.get("anyOf", [document]):
            yield from _shape(_resolved(shape, schema))
    yield from ("## Types", "")
    for name, one in schema["$defs"].items():
        yield from (f"### {name}", "")
        yield from _shape(one)


def _resolved(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = node.get("$ref", "").removeprefix(_START)
    return {**schema["$defs"][name], **node} if name else node


def _shape(node: Mapping[str, Any]) -> Iterator[str]:
    if "description" in node:
        yield from (" ".join(node["description"].split()), "")
    if "properties" not in node:
        yield from (f"{_words(node).capitalize()}.", "")
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
