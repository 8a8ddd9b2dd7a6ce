"""Read what a list shows of an evaluation.json: of 1,000 classes the whole has a million counts."""

import json
from functools import lru_cache
from pathlib import Path

from pipeline.local.store import Store

_METRICS = "multiclass_classification_metrics"
_LONG = ("confusion_matrix", "per_class", "expected_calibration_error")


def read_short(store: Store, uri: str) -> bytes:
    """Return the bytes of an evaluation without what it says of each class.

    Raises OSError or ValueError for a file that is gone or none.
    """
    path = store.path(uri)
    status = path.stat()
    return _read(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=1000)
def _read(path: Path, _written: int, _size: int) -> bytes:
    return shortened(path.read_bytes())


def shortened(evaluation: bytes) -> bytes:
    """Return an evaluation without what it says of each class. Raises ValueError for none."""
    content = json.loads(evaluation)
    metrics = content.get(_METRICS) if isinstance(content, dict) else None
    if isinstance(metrics, dict):
        for name in _LONG:
            metrics.pop(name, None)
    return json.dumps(content).encode()
