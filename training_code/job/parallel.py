"""Run a function over many items on all the cores this job may use."""

import contextlib
import ctypes
import os
import signal
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from job.errors import JobError
from job.progress import ProgressLines

Item = TypeVar("Item")
Result = TypeVar("Result")
_CHUNK = 16  # items a worker takes at once: few enough to keep all busy to the end
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # as in malloc.h


def parallel_map(
    function: Callable[[Item], Result], items: Sequence[Item], what: str
) -> list[Result]:
    """Return `[function(item) for item in items]` from worker processes, with progress lines.

    `function` must be importable; items and results should be small, because they travel between
    processes. Raises JobError when a worker is killed (which is what a lack of memory does).
    """
    progress = ProgressLines(what, len(items))
    results: list[Result] = []
    workers = len(os.sched_getaffinity(0))
    # forked workers share the imported modules and start in milliseconds
    pool = ProcessPoolExecutor(workers, mp_context=get_context("fork"), initializer=_start_worker)
    try:
        for result in pool.map(function, items, chunksize=_CHUNK):
            results.append(result)
            progress.advance()
    except BrokenProcessPool as error:
        raise JobError(
            f"a worker process was killed after {len(results):,} of {len(items):,} items, most"
            " likely for want of memory; use an instance with more memory"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
    progress.finish()
    return results


def stop_on_sigterm() -> None:
    """Make SIGTERM end this process as Ctrl-C would, so that its workers end with it."""

    def stop(*_: object) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)


def _start_worker() -> None:
    """Leave Ctrl-C to the main process and silence decoders' warnings in this worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    warnings.simplefilter("ignore")
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Let the next picture reuse the last one's memory, which saves an eighth of the time."""
    with contextlib.suppress(OSError, AttributeError):  # glibc only
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        libc.mallopt(_M_TRIM_THRESHOLD, 64 << 20)
