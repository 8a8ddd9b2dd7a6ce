"""Find the objects of a transform job, cut them into requests, and put answers together."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError
from pipeline.local.store import Store
from training_code.folders.walk import UnusableFolder, files_below, walk

SUFFIX = ".out"
_MAXIMUM_MANIFEST = 16 * 1024**2


class ObjectsError(PipelineError):
    """The input of a transform job cannot be had; the message says why."""


@dataclass(frozen=True)
class TransformObject:
    """An object to transform: where it lies, and its key below its prefix."""

    path: Path
    key: str


def objects_of(store: Store, source: Mapping[str, Any]) -> list[TransformObject]:
    """Find the objects of an S3DataSource: a prefix's, or those that a manifest names.

    A prefix is a folder, one object, or the beginning of names in a folder; hidden files are left
    out. Raises ObjectsError, AddressError.
    """
    uri = source["S3Uri"]
    try:
        if source["S3DataType"] == "ManifestFile":
            found = list(_named(store, uri))
        else:
            found = sorted(_below(store.path(uri)), key=lambda one: one.key)
    except OSError as error:
        raise ObjectsError(f"{uri} cannot be read: {error}") from error
    except UnusableFolder as error:
        raise ObjectsError(str(error)) from error
    if not found:
        raise ObjectsError(f'No S3 objects found under S3 URL "{uri}" given in input data source.')
    return found


def payloads(data: bytes, *, by_line: bool, together: bool, limit: int) -> Iterator[bytes]:
    """Cut an object into the bodies of requests: the whole, each line, or lines up to `limit`.

    A whole or a line that is larger is one body all the same.
    """
    if not by_line:
        yield data
        return
    lines = [line for line in data.splitlines(keepends=True) if line.strip()]
    if not together:
        yield from (line.rstrip(b"\r\n") for line in lines)
        return
    body = bytearray()
    for line in lines:
        if body and len(body) + len(line) > limit:
            yield bytes(body)
            body.clear()
        body += line
    if body:
        yield bytes(body)


def assembled(answers: Iterable[bytes], *, by_line: bool) -> bytes:
    """Put the answers about one object together, a line each or as they are."""
    if not by_line:
        return b"".join(answers)
    return b"".join(answer if answer.endswith(b"\n") else answer + b"\n" for answer in answers)


def _below(path: Path) -> Iterator[TransformObject]:
    if path.is_file():
        yield TransformObject(path, path.name)
    elif path.is_dir():
        yield from _all(path, path)
    elif path.parent.is_dir():
        for entry in sorted(path.parent.glob(f"{escape(path.name)}*")):
            if not entry.name.startswith("."):
                yield from _all(entry, path.parent)


def _all(path: Path, root: Path) -> Iterator[TransformObject]:
    if not path.is_dir():
        yield TransformObject(path, path.relative_to(root).as_posix())
        return
    for file in map(Path, files_below(walk(path, lambda _start: False).top)):
        yield TransformObject(file, file.relative_to(root).as_posix())


def _named(store: Store, uri: str) -> Iterator[TransformObject]:
    """Yield what a manifest names: [{"prefix": "s3://…"}, "key", …]; none may be missing."""
    path = store.path(uri)
    if not path.is_file():
        raise ObjectsError(f'No S3 objects found under S3 URL "{uri}" given in input data source.')
    if path.stat().st_size > _MAXIMUM_MANIFEST:
        raise ObjectsError(f"The manifest {uri} is larger than {_MAXIMUM_MANIFEST:,} bytes.")
    for address, key in _addresses(uri, path.read_bytes()):
        place = store.path(address)
        if not place.is_file():
            raise ObjectsError(f"The manifest {uri} names {address}, and there is no such object.")
        yield TransformObject(place, key)


def _addresses(uri: str, data: bytes) -> Sequence[tuple[str, str]]:
    form = f'The manifest {uri} must be JSON: [{{"prefix": "s3://bucket/folder/"}}, "key", …].'
    try:
        first, *keys = json.loads(data)
        prefix = first["prefix"]
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise ObjectsError(form) from error
    if not all(isinstance(one, str) for one in (prefix, *keys)):
        raise ObjectsError(form)
    return [(f"{prefix}{key}", key.lstrip("/")) for key in keys]
