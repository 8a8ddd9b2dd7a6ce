"""Parse s3:// and file:// addresses without urllib.parse.

It would cut a key at `#` or `?`, which S3 allows in it, and drop what precedes a path.
"""

import os
import re
from pathlib import Path
from urllib.parse import unquote

from pipeline.errors import UsageError

_THIS_MACHINE = ("", "localhost")
_FILE = "file://"


class AddressError(UsageError):
    """A malformed address, or one that cannot be used here."""


def split_uri(uri: str) -> tuple[str, str]:
    """Split s3://bucket/key into (bucket, key). Raises AddressError."""
    match = re.fullmatch(r"s3://([^/]+)/?(.*)", uri, re.DOTALL)
    if match is None:
        raise AddressError(f"{uri!r} is not an address on S3: write s3://bucket/key")
    return match[1], match[2]


def folder_uri(uri: str) -> str:
    """Add the slash that makes an s3:// address a folder's; leave other addresses alone.

    SageMaker reads everything that begins with the address: s3://b/data is also s3://b/datasets/.
    """
    return f"{uri.rstrip('/')}/" if uri.startswith("s3://") else uri


def path_of_file(uri: str) -> Path:
    """Return the path of a file:/// address, %20 and the like decoded. Raises AddressError."""
    host, slash, path = uri.removeprefix(_FILE).partition("/")
    if not uri.startswith(_FILE) or (host in _THIS_MACHINE and not slash):
        raise AddressError(f"{uri!r} is not the address of a file: write file:///path")
    if host not in _THIS_MACHINE:
        whole = f"file:///{host}{slash}{path}"
        raise AddressError(f"{uri!r} names another machine, {host!r}: a file is written {whole}")
    return possible_path(uri, unquote(slash + path))


def possible_path(uri: str, path: str) -> Path:
    """Return `path`, or raise AddressError naming `uri` if no file can have that path."""
    try:
        possible = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise AddressError(f"{uri!r}: no file can have this name: give it another")
    return Path(path)
