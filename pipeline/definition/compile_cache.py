"""Compile a definition once for each state of the tree and settings, and keep it.

Importing the SageMaker SDK takes seconds; the same tree and settings give the same bytes, so what
was compiled before is as good. A kept one begins with its hash: a damaged one is compiled again.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pipeline.assets.decisions import decisions_uri
from pipeline.assets.weights import weights_uri
from pipeline.durable import write_durably
from pipeline.settings.model import Settings

_SOURCES = (
    "pipeline/**/*.py",
    "pipeline/images/*.yaml",
    "steps/**/*.py",
    "training_code/**/*",
    "inference_code/**/*",
    "constraints.txt",
)
_LARGEST = 64 * 1024**2  # bytes: far above what SageMaker takes
_MARK_LENGTH = 65
_Compiler = Literal["definition_json", "monitoring_json"]  # of compile.py


def definition_text(settings: Settings, root: Path, state: Path) -> str:
    """Return the definition as JSON text; `state` is the folder that keeps compiled ones.

    Raises UsageError when code or weights for the settings are not to be had.
    """
    return _kept_or_compiled(settings, root, state, "definition_json")


def monitoring_text(settings: Settings, root: Path, state: Path) -> str:
    """Return the monitoring pipeline's definition likewise."""
    return _kept_or_compiled(settings, root, state, "monitoring_json")


def compiled_definition(settings: Settings, root: Path, state: Path) -> dict[str, Any]:
    """Return the definition as a dictionary, compiled or kept as in `definition_text`."""
    definition: dict[str, Any] = json.loads(definition_text(settings, root, state))
    return definition


def compiled_monitoring(settings: Settings, root: Path, state: Path) -> dict[str, Any] | None:
    """Return the monitoring pipeline's definition as a dictionary; None where it is off."""
    if not settings.monitor.enabled:
        return None
    definition: dict[str, Any] = json.loads(monitoring_text(settings, root, state))
    return definition


def _kept_or_compiled(settings: Settings, root: Path, state: Path, compiler: _Compiler) -> str:
    kept = state / "definitions" / f"{_digest(settings, root, compiler)}.kept"
    if (known := _read(kept)) is not None:
        return known
    from pipeline.definition import compile as compiling

    text: str = getattr(compiling, compiler)(settings, root)
    _keep(kept, text)
    return text


def _digest(settings: Settings, root: Path, compiler: str) -> str:
    digest = hashlib.sha256(f"{compiler}\0{settings.model_dump_json()}".encode())
    for uri in (weights_uri(settings), decisions_uri(settings)):
        digest.update(f"\0{uri or 'none'}".encode())
    for path in sorted(_sources(root)):
        content = path.read_bytes()
        digest.update(f"\0{path.relative_to(root)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:32]


def _sources(root: Path) -> Iterator[Path]:
    for pattern in _SOURCES:
        found = (path for path in root.glob(pattern) if path.is_file())
        yield from (path for path in found if path.parent.name != "__pycache__")


def _read(path: Path) -> str | None:
    """Return a kept definition; None when there is none, or it is not what was kept."""
    try:
        with path.open("rb") as file:
            mark, text = file.readline(_MARK_LENGTH), file.read(_LARGEST)
    except OSError:
        return None
    return text.decode() if mark == _mark(text) else None


def _keep(path: Path, text: str) -> None:
    """Keep a compiled definition if possible; one that cannot be kept is still a good one."""
    content = text.encode()
    with suppress(OSError):
        write_durably(path, _mark(content) + content)


def _mark(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode() + b"\n"
