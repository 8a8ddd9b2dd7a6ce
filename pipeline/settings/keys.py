"""Read the keys of the settings off their models, for hints at the nearest valid name."""

import types
import typing
from collections.abc import Iterator

from pydantic import BaseModel

Keys = tuple[str | int, ...]


def known_keys(model: type[BaseModel], path: Keys, data: object) -> list[str]:
    """Return the keys allowed at `path`; a range's depend on its type in `data`."""
    models = [model]
    for part in path:
        inner = [m.model_fields[str(part)].annotation for m in models if part in m.model_fields]
        models = [found for annotation in inner for found in _models_in(annotation)]
        data = data.get(part) if isinstance(data, dict) else None
    tag = data.get("type") if isinstance(data, dict) else None
    chosen = [m for m in models if tag and _tag_of(m) == tag] or models
    return list(dict.fromkeys(name for m in chosen for name in m.model_fields))


def all_keys(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every key of a model, except those inside a range."""
    for name, info in model.model_fields.items():
        yield (*path, name)
        inner = _models_in(info.annotation)
        if len(inner) == 1:
            yield from all_keys(inner[0], (*path, name))


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType, typing.Annotated):
        return [found for inner in typing.get_args(annotation) for found in _models_in(inner)]
    return []


def _tag_of(model: type[BaseModel]) -> str | None:
    if "type" not in model.model_fields:
        return None
    arguments = typing.get_args(model.model_fields["type"].annotation)
    return arguments[0] if arguments else None
