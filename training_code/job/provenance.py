"""State where a result comes from: package versions and content hashes, stored beside it."""

import hashlib
import platform
from importlib import metadata
from pathlib import Path

_PACKAGES = ("torch", "torchvision", "numpy", "pillow")


def package_versions() -> dict[str, str]:
    """Return versions of Python and of the packages that decide what a network computes."""
    return {"python": platform.python_version()} | {
        package: metadata.version(package) for package in _PACKAGES
    }


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
