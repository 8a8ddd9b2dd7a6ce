"""Addresses of data, taken apart by hand.

urllib.parse would cut a key at `#` or `?`, which S3 allows in it, and drop what precedes a path.
"""

import os
import re
from pathlib import Path
from urllib.parse import unquote

from pipeline.errors import UsageError

_THIS_MACHINE = ("", "localhost")
_FILE = "file://"


class AddressError(UsageError):
    """A text is not an address, or none that can be used here."""


def split_uri(uri: str) -> tuple[str, str]:
    """s3://bucket/key -> (bucket, key). Raises AddressError."""
    match = re.fullmatch(r"s3://([^/]+)/?(.*)", uri, re.DOTALL)
    if match is None:
        raise AddressError(f"{uri!r} is not an address on S3: write s3://bucket/key")
    return match[1], match[2]


def folder_uri(uri: str) -> str:
    """An s3:// address of a folder, with the slash at its end that makes it one.

    SageMaker reads everything that begins with the address: s3://b/data is also s3://b/datasets/.
    """
    return f"{uri.rstrip('/')}/" if uri.startswith("s3://") else uri


def path_of_file(uri: str) -> Path:
    """file:///path -> the path, its %20 and the like decoded. Raises AddressError."""
    host, slash, path = uri.removeprefix(_FILE).partition("/")
    if not uri.startswith(_FILE) or (host in _THIS_MACHINE and not slash):
        raise AddressError(f"{uri!r} is not the address of a file: write file:///path")
    if host not in _THIS_MACHINE:
        whole = f"file:///{host}{slash}{path}"
        raise AddressError(f"{uri!r} names another machine, {host!r}: a file is written {whole}")
    return possible_path(uri, unquote(slash + path))


def possible_path(uri: str, path: str) -> Path:
    """The path that an address comes to. Raises AddressError for one that no file can have."""
    try:
        possible = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise AddressError(f"{uri!r}: no file can have this name: give it another")
    return Path(path)
