"""Run trainings side by side in one process, one at a time: each a moment, in turns.

Whatever else a shared machine does meets all of them alike, so that differences of a percent show
that whole trainings, one after another, cannot show.
"""

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

TURN_S = 0.05
Item = TypeVar("Item")
_Clocks = tuple[float, float]


class Turns:
    """Turns of several tasks, and how long each one's took: `wall` and `cpu` seconds by name.

    Every round of turns is in a new order.
    """

    def __init__(self, names: Sequence[str], seed: int) -> None:
        self.wall = dict.fromkeys(names, 0.0)
        self.cpu = dict.fromkeys(names, 0.0)
        self._left = list(names)
        self._coming: list[str] = []
        self._random = random.Random(seed)  # noqa: S311 (no secret)
        self._gates = {name: threading.Semaphore(0) for name in names}
        self._began: _Clocks = (0.0, 0.0)

    def run(self, tasks: dict[str, Callable[[], None]]) -> None:
        """Run each task in a thread of its own until all are done; raises the error of a task."""
        with ThreadPoolExecutor(len(tasks)) as pool:
            futures = [pool.submit(self._run, name, task) for name, task in tasks.items()]
            self._next()
        for future in futures:
            future.result()

    def share(self, name: str, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items; between two of them other tasks have their turns, when it is time."""
        for item in items:
            if _clocks()[0] - self._began[0] >= TURN_S:
                self._end(name)
                self._next()
                self._begin(name)
            yield item

    def _run(self, name: str, task: Callable[[], None]) -> None:
        self._begin(name)
        try:
            task()
        finally:
            self._end(name)
            self._left.remove(name)
            self._coming = [one for one in self._coming if one != name]
            self._next()

    def _begin(self, name: str) -> None:
        self._gates[name].acquire()
        self._began = _clocks()

    def _end(self, name: str) -> None:
        wall, cpu = _clocks()
        self.wall[name] += wall - self._began[0]
        self.cpu[name] += cpu - self._began[1]

    def _next(self) -> None:
        if not self._left:
            return
        if not self._coming:
            self._coming = list(self._left)
            self._random.shuffle(self._coming)
        self._gates[self._coming.pop()].release()


def _clocks() -> _Clocks:
    return time.perf_counter(), time.process_time()
