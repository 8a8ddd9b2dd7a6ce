"""Keep what must outlive a damaged state file beside it: the registry, and every ended run.

`registry/<kind>/<name>.json` has one document, as it is now; `runs/<id>/documents.json` those of a
run, as it ended. They are only read by `python -m pipeline.local`.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from pipeline.durable import write_durably
from pipeline.local.documents import Row

LASTING = ("ModelPackageGroup", "ModelPackage", "PackageCounter", "DeployRule")
_REGISTRY = "registry"
_RUN_FILE = "documents.json"
_LONGEST_NAME = 200  # bytes, of the 255 that a file's name may have


def keep(root: Path, kind: str, name: str, row: Row | None) -> None:
    """Keep a document as it is now; None: it was deleted. Raises OSError."""
    path = _place(root, kind, name)
    if row is None:
        path.unlink(missing_ok=True)
    else:
        write_durably(path, json.dumps(asdict(row)).encode())


def keep_run(folder: Path, rows: Iterable[Row]) -> None:
    """Keep the documents of a run in its folder. Raises OSError."""
    write_durably(folder / _RUN_FILE, json.dumps([asdict(row) for row in rows]).encode())


def kept_rows(root: Path) -> Iterator[Row]:
    """Yield what is kept, of the runs and of the registry; what is damaged is passed over."""
    for path in sorted(root.glob(f"runs/*/{_RUN_FILE}")):
        yield from _read(path)
    for path in sorted(root.glob(f"{_REGISTRY}/*/*.json")):
        yield from _read(path)


def is_kept(root: Path) -> bool:
    """Check whether a folder has had runs or versions."""
    return any(any(root.glob(pattern)) for pattern in (f"{_REGISTRY}/*/*.json", "runs/*"))


def _place(root: Path, kind: str, name: str) -> Path:
    word = quote(name, safe="")
    if len(word) > _LONGEST_NAME:
        word = sha256(name.encode(errors="surrogatepass")).hexdigest()
    return root / _REGISTRY / kind / f"{word}.json"


def _read(path: Path) -> Iterator[Row]:
    with suppress(OSError, ValueError, TypeError, RecursionError):
        found = json.loads(path.read_text(encoding="utf-8"))
        yield from [Row(**one) for one in (found if isinstance(found, list) else [found])]
