"""Make the JSON Schema of the documents from the types that they are made from."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from pipeline.schema.documents import DOCUMENTS, Shape

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DEFINITIONS = "$defs"
_START = f"#/{_DEFINITIONS}/"
# What says nothing to a reader: titles repeat names, and every member is always there.
_LEFT_OUT = ("title", "default")
_LONG_NAME = re.compile(r"\bpipeline__\w+")
_Schema = dict[str, Any]


def json_schema(commands: Iterable[str]) -> _Schema:
    """Return the schemas of these commands' documents, below `commands`."""
    chosen = {name: DOCUMENTS[name] for name in commands}
    types = [one for shapes in chosen.values() for shape in shapes for one in _types(shape)]
    made, shared = TypeAdapter.json_schemas(
        [(number, "serialization", TypeAdapter(one)) for number, one in enumerate(types)],
        ref_template=f"{_START}{{model}}",
    )
    schemas = iter(made[number, "serialization"] for number in range(len(types)))
    definitions: _Schema = shared.get(_DEFINITIONS, {})
    documents = {
        name: _one_of([_document(shape, schemas, definitions) for shape in shapes])
        for name, shapes in chosen.items()
    }
    found: _Schema = _tidied({"commands": documents, _DEFINITIONS: definitions})
    shorter: _Schema = json.loads(_LONG_NAME.sub(_short, json.dumps(found)))
    return {"$schema": DIALECT, **shorter}


def schema_of(command: str) -> _Schema:
    """Return the schema of one command's document, for a validator."""
    whole = json_schema((command,))
    return {"$schema": DIALECT, **whole["commands"][command], _DEFINITIONS: whole[_DEFINITIONS]}


def _short(name: re.Match[str]) -> str:
    """Name a type by its module and itself, where several have its name."""
    return ".".join(name[0].split("__")[-2:])


def _types(shape: Shape) -> list[Any]:
    return [*([] if shape.of is None else [shape.of]), *shape.more.values()]


def _document(shape: Shape, schemas: Any, definitions: Mapping[str, Any]) -> _Schema:
    """Take as many schemas as the shape has types, and make one of them."""
    own: _Schema = {} if shape.of is None else next(schemas)
    about = {"description": shape.about} if shape.about else {}
    if not shape.more:
        return {**own, **about}
    if "$ref" in own:
        own = definitions[own["$ref"].removeprefix(_START)]
    more = {name: next(schemas) for name in shape.more}
    members = {**own.get("properties", {}), **more}
    return {"type": "object", **own, **about, "properties": members}


def _one_of(schemas: Sequence[_Schema]) -> _Schema:
    return schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}


def _tidied(node: Any) -> Any:
    """Say of every object that it has all its members, and of every number that it may be null."""
    if isinstance(node, list):
        return [_tidied(one) for one in node]
    if not isinstance(node, dict):
        return node
    kept = {name: _tidied(one) for name, one in node.items() if name not in _LEFT_OUT}
    if isinstance(kept.get("properties"), dict):
        # by themselves: a member may be named as a word of the schema
        members = {name: _tidied(one) for name, one in node["properties"].items()}
        kept |= {"properties": members, "required": list(members)}
    if kept.get("type") == "number":  # which is not finite
        kept["type"] = ["number", "null"]
    return kept
