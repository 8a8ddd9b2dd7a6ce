"""Run requests that waited for the busy network as one batch when it is free again.

No request waits for others to come: one alone runs at once, and the batch grows with the load
only. Each calling thread runs a batch itself or finds its rows done by another.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Forward = Callable[[Array], Array]
Result = TypeVar("Result")


class _Part:
    """The rows of one caller, and their outputs or the error."""

    def __init__(self, rows: Array) -> None:
        self.rows = rows
        self.outputs: Array | None = None
        self.error: Exception | None = None
        self.together = 0

    @property
    def is_done(self) -> bool:
        return self.outputs is not None or self.error is not None


class MicroBatcher:
    """Runs `forward` for one batch at a time, of at most `largest` rows unless one caller has more.

    Safe to use from any number of threads.
    """

    def __init__(self, forward: Forward, largest: int) -> None:
        self._forward = forward
        self._largest = largest
        self._waiting: list[_Part] = []
        self._change = threading.Lock()
        self._turn = threading.Lock()

    @property
    def waiting(self) -> int:
        """The number of callers that wait to run."""
        return len(self._waiting)

    def run(self, rows: Array) -> tuple[Array, int]:
        """Return outputs (N, K) for rows (N, ...), and the size of the batch that they ran in.

        Raises what `forward` raises.
        """
        part = _Part(rows)
        with self._change:
            self._waiting.append(part)
        with self._turn:
            while not part.is_done:
                self._run_together(self._take())
        if part.error is not None:
            raise part.error
        assert part.outputs is not None  # noqa: S101 (is_done says so)
        return part.outputs, part.together

    def alone(self, work: Callable[[], Result]) -> Result:
        """Return what `work` does while no batch runs: it uses the same cores."""
        with self._turn:
            return work()

    def _take(self) -> list[_Part]:
        """Take the parts that waited longest, as many as fit into a batch."""
        with self._change:
            count, rows = 0, 0
            for part in self._waiting:
                rows += len(part.rows)
                if count and rows > self._largest:
                    break
                count += 1
            taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def _run_together(self, parts: list[_Part]) -> None:
        rows = parts[0].rows if len(parts) == 1 else np.concatenate([p.rows for p in parts])
        try:
            outputs = self._forward(rows)
        except Exception as error:
            for part in parts:
                part.error = error
            return
        start = 0
        for part in parts:
            end = start + len(part.rows)
            part.outputs, part.together = outputs[start:end], len(rows)
            start = end
