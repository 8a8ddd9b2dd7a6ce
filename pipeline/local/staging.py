"""Put files where a run's jobs read them, and know later whether they are still as put."""

from pipeline.durable import write_durably
from pipeline.local.engine.outputs import check_output, list_output, with_hashes
from pipeline.local.failures import disk_reason
from pipeline.local.store import OddDocumentError, Store, StoreError

_KIND = "StagedFile"


def stage_file(store: Store, uri: str, content: bytes) -> None:
    """Write a file of the store, unless it has this content. Raises StoreError."""
    path = store.path(uri)
    if path.is_file() and path.read_bytes() == content:
        return
    try:
        write_durably(path, content)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {disk_reason(error)}") from error


def stage_large_file(store: Store, uri: str, content: bytes) -> None:
    """Write a file of the store and note it for is_staged. Raises StoreError."""
    stage_file(store, uri, content)
    is_staged(store, uri)


def is_staged(store: Store, uri: str) -> bool:
    """Check whether a large file is there as it was when it was noted; one of before is."""
    path = store.path(uri)
    if not path.is_file():
        return False
    try:
        known = (store.get(_KIND, uri) or {}).get("Files")
        before = {
            name: (mark, size, digest) for name, (mark, size, digest) in (known or {}).items()
        }
    except (OddDocumentError, TypeError, ValueError, AttributeError):
        before = {}
    looked = check_output(path, before)
    if looked.problem:
        store.delete(_KIND, uri)
        return False
    if not before or looked.moved:
        kept = looked.kept or with_hashes(path, list_output(path))
        store.put(_KIND, uri, {"Files": kept})
    return True
