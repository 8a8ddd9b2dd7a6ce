"""Keep what must outlive a damaged state file beside it: the registry, and every ended run.

`registry/<kind>/<name>.json` has one document, as it is now; `runs/<id>/documents.json` those of a
run, as it ended. They are only read by `python -m pipeline.local`.
"""

import json
from collections.abc import Callable, Iterable, Iterator
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
        return
    content = json.dumps(asdict(row)).encode()
    if not path.is_file() or path.read_bytes() != content:
        write_durably(path, content)


def keep_run(folder: Path, rows: Callable[[str, str], Iterable[Row]]) -> None:
    """Keep the documents of a run in its folder, which bears its id. Raises OSError.

    `rows` returns those of a kind whose names begin with a text.
    """
    found = [asdict(row) for kind, start in _named(folder.name) for row in rows(kind, start)]
    write_durably(folder / _RUN_FILE, json.dumps(found).encode())


def _named(run: str) -> Iterator[tuple[str, str]]:
    """Yield the kind of every document of a run, and how its name begins."""
    yield "PipelineExecution", run
    yield "PipelineExecutionStep", f"{run}/"
    yield "HyperParameterTuningJob", f"{run}-"
    for kind in ("ProcessingJob", "TrainingJob"):
        yield kind, f"pipelines-{run}-"
    yield "TrainingJob", f"{run}-"  # the trials


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
