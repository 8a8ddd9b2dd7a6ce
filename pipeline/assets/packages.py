"""Keep what jobs install in the bucket, for jobs in a VPC or isolated, without a package index.

Which files these are stands in training_code/requirements-isolated.txt, each with its hash: so
their address is known without any download, and compiling stays offline. pip fetches them when a
run is uploaded. In the job it finds them because two of its own variables say where.
"""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pipeline.assets.weights import Put
from pipeline.errors import UsageError
from pipeline.images.catalog import load_images
from pipeline.settings.model import Settings
from pipeline.temporary import temporary_folder

PACKAGES = "training_code/requirements-isolated.txt"
# What manylinux wheels may call the jobs' system, which has glibc 2.34.
_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
_NOTE = b"On this machine jobs have the packages of its own environment.\n"


class PackagesError(UsageError):
    """What jobs without a package index install cannot be fetched."""


def packages_uri(settings: Settings, root: Path) -> str | None:
    """Return the folder that jobs install from; None where they have a package index."""
    if not settings.network.has_no_index:
        return None
    digest = hashlib.sha256((root / PACKAGES).read_bytes()).hexdigest()[:16]
    return f"s3://{settings.bucket}/code/packages-{digest}/wheels"


def stage_packages(root: Path, uri: str, put: Put, present: set[str]) -> None:
    """Put every file below `uri`, unless all of them are `present`. Raises PackagesError."""
    if len(present) < len(pinned(root)):
        for name, content in _fetched(root):
            put(f"{uri}/{name}", content)


def stage_note(uri: str, put: Put) -> None:
    """Put a note there instead, on a machine whose own packages the jobs have."""
    put(f"{uri}/packages.txt", _NOTE)


def install_from(folder: str) -> dict[str, str]:
    """Return the variables by which pip, whoever starts it, takes packages from a folder alone."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": folder}


def pinned(root: Path) -> list[str]:
    """Return the requirements that such jobs can install, without their hashes."""
    lines = (root / PACKAGES).read_text(encoding="utf-8").splitlines()
    return [line.removesuffix("\\").strip() for line in lines if line and line[0] not in "# "]


def _fetched(root: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file, as pip downloads it and finds its hash right."""
    with temporary_folder("packages") as folder:
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--no-input", "--no-deps", "--only-binary", ":all:", "--require-hashes"),
            *("--implementation", "cp", "--python-version", load_images().jobs.python),
            *(word for name in _PLATFORMS for word in ("--platform", name)),
            *("--dest", str(folder), "--requirement", str(root / PACKAGES)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise PackagesError(
                f"pip cannot fetch what jobs install ({PACKAGES}): {reason}; upsert once "
                "from a machine that reaches a package index: then the bucket has them"
            )
        for path in sorted(folder.glob("*.whl")):
            yield path.name, path.read_bytes()
