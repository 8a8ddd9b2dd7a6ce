"""Hold what a command printed against its document's schema, which allows nothing else here."""

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from pipeline.schema.json_schema import schema_of


def document(command: str, text: str) -> Any:
    """Read a command's only document; nothing else may be printed, and no member unknown."""
    found = json.loads(text)
    _validator(command).validate(found)
    return found


@cache
def _validator(command: str) -> Draft202012Validator:
    return Draft202012Validator(_closed(schema_of(command)))


def _closed(node: Any) -> Any:
    if isinstance(node, list):
        return [_closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    closed = {name: _closed(one) for name, one in node.items()}
    return closed | ({"additionalProperties": False} if "properties" in node else {})
