"""Sweep what killed processes left: temporary folders, half-written files, unpacked models.

Only what no living process holds is removed. Whoever runs or serves on a state sweeps it first.
"""

from contextlib import suppress
from pathlib import Path

from pipeline.local.pruning.removal import PruneError, finish_pruning
from pipeline.local.service.deployments.deployer import FAILED
from pipeline.local.service.hosting.model_process import sweep as sweep_models
from pipeline.local.store import Store
from pipeline.temporary import sweep, sweep_parts, sweep_temporary

# Where files are written beside their final names, but for the folders of runs (recovery.py).
_WRITTEN = (
    "*.part",
    "content-hashes/*.part",
    "definitions/*.part",
    "registry/*/*.part",
    "s3/*/code/**/*.part",
    "s3/*/weights/**/*.part",
    "s3/*/decisions/**/*.part",
    "s3/*/models/**/*.part",
)
_FAILED_CALLS_KEPT = 20


def sweep_leftovers(store: Store) -> None:
    """Remove what killed processes left in the state and among the system's temporary files."""
    sweep_temporary()
    sweep_temporary(store.root)
    sweep_temporary(store.root / "unpacked")
    sweep_models(store.root / "endpoints")
    _sweep_calls(store.root / "deployments")
    sweep_parts(path for pattern in _WRITTEN for path in store.root.glob(pattern))
    with suppress(PruneError):  # the next prune says it
        finish_pruning(store)


def _sweep_calls(folder: Path) -> None:
    """Remove the folders of the deploying function's calls, but for the last known failures."""
    calls = sorted(folder.glob("*"), key=_changed, reverse=True)
    failed = [call for call in calls if (call / FAILED).is_file()][:_FAILED_CALLS_KEPT]
    for call in calls:
        if call not in failed:
            sweep(call)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
