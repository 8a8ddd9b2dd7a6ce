"""Fine-tune one network in several processes, each on its own share of the pictures.

torchrun starts them (one a GPU, or one a machine without GPUs) and says so by RANK, WORLD_SIZE and
LOCAL_RANK; without it there is one a machine. The first one alone prints and writes. A batch is
the same as in a single process: each takes the rows of it that are its own, and gradients are
averaged by how many each had. The result is that of one process, but for the order of additions.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed
from torch import Tensor, nn

from job.errors import JobError

Value = TypeVar("Value")
_PORT = "7777"  # SageMaker's own choice
_PATIENCE = timedelta(hours=2)  # the others wait while the first trains the head


@dataclass(frozen=True)
class Replicas:
    """A process of the training, number `rank` of `count`."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that prints and writes."""
        return self.rank == 0

    def own(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return those of the rows whose pictures this process has, in the same order."""
        own: npt.NDArray[np.int64] = rows[rows % self.count == self.rank]
        return own

    def total(self, values: Tensor) -> Tensor:
        """Return the sum of all processes' `values`."""
        if self.count > 1:
            there = values.to(_device())
            torch.distributed.all_reduce(there)
            values = there.to(values.device)
        return values

    def share(self, loss: Tensor, labels: Tensor) -> Tensor:
        """Weight this process's mean loss so that the processes' average is the whole batch's mean.

        `labels` are this process's share of the batch.
        """
        if self.count == 1:
            return loss
        own = torch.tensor(float(len(labels)), device=labels.device)
        return loss * (own * self.count / self.total(own.clone()))

    def from_first(self, make: Callable[[], Value]) -> Value:
        """Return, in all processes, what `make` returns in the first, the only one to call it."""
        if self.count == 1:
            return make()
        values = [make() if self.first else None]
        torch.distributed.broadcast_object_list(values, src=0)
        return cast(Value, values[0])

    def from_each(self, value: Value) -> list[Value]:
        """Return what every process has here, in their order."""
        if self.count == 1:
            return [value]
        values: list[Value | None] = [None] * self.count
        torch.distributed.all_gather_object(values, value)
        return cast(list[Value], values)

    def together(self, network: nn.Module) -> nn.Module:
        """Return the network, starting as the first process's, with gradients averaged over all."""
        if self.count == 1:
            return network
        # statistics of BatchNorm are frozen: there is nothing to pass on at every step
        return nn.parallel.DistributedDataParallel(network, broadcast_buffers=False)


ALONE = Replicas()


@contextlib.contextmanager
def join_replicas(environ: Mapping[str, str] = os.environ) -> Iterator[Replicas]:
    """Meet the job's other processes, if there are any; silence all but the first.

    Raises JobError when they do not meet.
    """
    replicas = _who_i_am(environ)
    if replicas.count == 1:
        yield ALONE
        return
    _meet(replicas, environ)
    try:
        with Path(os.devnull).open("w") as nothing, contextlib.ExitStack() as stack:
            if not replicas.first:
                stack.enter_context(contextlib.redirect_stdout(nothing))
            yield replicas
        torch.distributed.barrier()  # none leaves while another still waits for it
    finally:
        # gloo's may deadlock with a thread of its own that waits for Python's lock
        if torch.distributed.get_backend() != "gloo":
            torch.distributed.destroy_process_group()


def _who_i_am(environ: Mapping[str, str]) -> Replicas:
    """Read this process's rank from torchrun, or from SageMaker with one process a machine."""
    if "WORLD_SIZE" in environ:
        return Replicas(int(environ["RANK"]), int(environ["WORLD_SIZE"]))
    hosts = json.loads(environ.get("SM_HOSTS", "[]"))
    return Replicas(hosts.index(environ["SM_CURRENT_HOST"]), len(hosts)) if hosts else ALONE


def _meet(replicas: Replicas, environ: Mapping[str, str]) -> None:
    hosts = json.loads(environ.get("SM_HOSTS", "[]"))
    address = environ.get("MASTER_ADDR") or hosts[0]
    where = f"{address}:{environ.get('MASTER_PORT', _PORT)}"
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(environ.get("LOCAL_RANK", "0")))
    try:
        torch.distributed.init_process_group(
            "nccl" if on_gpu else "gloo",
            # torchrun itself listens there, and accepts only processes that use env://
            init_method="env://" if "WORLD_SIZE" in environ else f"tcp://{where}",
            rank=replicas.rank,
            world_size=replicas.count,
            timeout=_PATIENCE,
        )
    except (RuntimeError, ValueError) as error:
        raise JobError(
            f"the {replicas.count} processes did not meet at {where}: {error}"
        ) from error


def _device() -> torch.device:
    """Return the device on which processes exchange numbers: NCCL knows GPUs only."""
    on_gpu = torch.distributed.get_backend() == "nccl"
    return torch.device("cuda" if on_gpu else "cpu")
