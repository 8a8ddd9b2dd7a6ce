"""Run one split's pictures through the backbone, in row order, on the GPU or all cores."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from extraction.cache import FeatureCache, row_key
from extraction.runtime import Runtime, check_finite
from pictures.augmentation import random_views
from pictures.dataset import Split

Values = npt.NDArray[np.float32]
Item = TypeVar("Item")
Result = TypeVar("Result")
_CHUNK = 64  # rows that one thread computes, and that a killed pass may lose


@dataclass(frozen=True)
class Chunk:
    """Rows `start` to `stop` of one view; view 0 is the centre crop, others are random."""

    view: int
    start: int
    stop: int


@dataclass(frozen=True)
class ComputedChunk:
    """A chunk's features (rows, D); `cached` of its rows came from the cache."""

    values: Values
    cached: int


def features_of(
    split: Split, views: int, crop: int, runtime: Runtime, cache: FeatureCache | None = None
) -> Iterator[ComputedChunk]:
    """Yield a split's features in chunks: view 0 from first to last row, then view 1 and so on.

    Reading, cropping and the network overlap, a chunk a thread; few chunks are held at a time.
    Raises JobError when features are not finite.
    """
    rows, size = len(split.labels), max(_CHUNK, runtime.batch_size)
    chunks = [
        Chunk(view, start, min(start + size, rows))
        for view in range(views)
        for start in range(0, rows, size)
    ]

    def compute(chunk: Chunk) -> ComputedChunk:
        return _compute(split, chunk, crop, runtime, cache)

    yield from in_order(compute, chunks, runtime.threads)


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[Result]:
    """Yield `map(function, items)` from threads; at most two items a thread run or wait."""
    remaining = iter(items)
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in islice(remaining, 2 * threads):
                waiting.append(pool.submit(function, item))
            while waiting:
                yield waiting.popleft().result()
                for item in islice(remaining, 1):
                    waiting.append(pool.submit(function, item))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _compute(
    split: Split, chunk: Chunk, crop: int, runtime: Runtime, cache: FeatureCache | None
) -> ComputedChunk:
    squares = np.array(split.images[chunk.start : chunk.stop])
    # a view is decided by the picture and not by its row: rows move when pictures are added
    keys = [row_key(square, chunk.view) for square in squares]
    cached = {} if cache is None else cache.find(keys)
    missing = [row for row in range(len(squares)) if row not in cached]
    computed = _forward(squares[missing], [keys[row] for row in missing], chunk, crop, runtime)
    if cache is not None and missing:
        cache.add([keys[row] for row in missing], computed)
    by_row = cached | dict(zip(missing, computed, strict=True))
    return ComputedChunk(np.stack([by_row[row] for row in range(len(squares))]), len(cached))


def _forward(
    squares: npt.NDArray[np.uint8], keys: Sequence[bytes], chunk: Chunk, crop: int, runtime: Runtime
) -> Values:
    parts = []
    for start in range(0, len(squares), runtime.batch_size):
        batch = torch.from_numpy(squares[start : start + runtime.batch_size])
        if chunk.view > 0:
            seeds = [list(key) for key in keys[start : start + runtime.batch_size]]
            batch = random_views(batch, crop, seeds)
        parts.append(check_finite(runtime.forward(batch)))
    return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)
