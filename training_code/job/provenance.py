"""State where a result comes from: package versions and content hashes, stored beside it."""

import hashlib
import platform
from importlib import metadata
from pathlib import Path

_TRAINING = ("torch", "torchvision", "numpy", "pillow", "onnxruntime")


def package_versions(packages: tuple[str, ...] = _TRAINING) -> dict[str, str]:
    """Return versions of Python and of these packages, as far as they are installed.

    By default those that decide what a network learns.
    """
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
