"""Run the machines of one training job as so many processes of this machine."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pipeline.local.processes.command import Ending

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Host:
    """A machine of a job: number `index` of `count`; they meet at a port of the first one."""

    index: int = 0
    count: int = 1
    port: int = 0

    @property
    def name(self) -> str:
        """The machine's name, as SageMaker calls it."""
        return f"algo-{self.index + 1}"

    @property
    def names(self) -> list[str]:
        """The names of all machines of the job."""
        return [f"algo-{number + 1}" for number in range(self.count)]

    def environment(self, *, launched: bool, gpus: int) -> dict[str, str]:
        """Return the variables by which machines meet; when `launched`, also torchrun's ranks.

        SageMaker's names of machines mean nothing here. Each machine has one of the `gpus`, or none
        where there are too few.
        """
        if self.count == 1:
            return {}
        variables = {
            "MASTER_ADDR": _LOOPBACK,
            "MASTER_PORT": str(self.port),
            "CUDA_VISIBLE_DEVICES": str(self.index) if gpus >= self.count else "-1",
        }
        if launched:
            ranks = {"RANK": self.index, "WORLD_SIZE": self.count, "LOCAL_RANK": 0}
            variables |= {name: str(value) for name, value in ranks.items()}
        return variables


@contextmanager
def hosts_of(request: Mapping[str, Any]) -> Iterator[list[Host]]:
    """List the machines that a training job asks for."""
    count = int((request.get("ResourceConfig") or {}).get("InstanceCount", 1))
    if count == 1:
        yield [Host()]
        return
    with socket.socket() as held:
        # bound like this and not listening, it lets the first machine listen at the same port
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((_LOOPBACK, 0))
        yield [Host(index, count, held.getsockname()[1]) for index in range(count)]


def run_together(
    runs: Sequence[Callable[[Callable[[], bool]], Ending]], should_stop: Callable[[], bool]
) -> list[Ending]:
    """Run every machine's command; when one fails, stop the others, which wait for it.

    Each of `runs` gets a function that says whether to stop. Raises what they raise.
    """
    if len(runs) == 1:
        return [runs[0](should_stop)]
    failed = threading.Event()

    def run(one: Callable[[Callable[[], bool]], Ending]) -> Ending:
        try:
            ending = one(lambda: failed.is_set() or should_stop())
        except BaseException:
            failed.set()
            raise
        if ending.code != 0 or ending.cause != "exited":
            failed.set()
        return ending

    with ThreadPoolExecutor(len(runs), "host") as pool:
        return list(pool.map(run, runs))
