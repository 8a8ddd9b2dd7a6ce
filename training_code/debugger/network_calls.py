"""Notice the calls of watched networks: each begins a step, or is only counted."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from torch import nn
from torch.utils.hooks import RemovableHandle

Batch = TypeVar("Batch")


class NetworkCalls:
    """The calls of some networks; `begin(network)` is called before each but the next `silent`.

    `take_passed()` says how many calls went by without it.
    """

    def __init__(self, begin: Callable[[nn.Module], None]) -> None:
        self.silent = 0
        self._begin = begin
        self._passed = 0
        self._networks: list[nn.Module] = []
        self._callbacks: list[RemovableHandle] = []  # none while batches are counted instead

    def add(self, network: nn.Module) -> None:
        """Notice this network's calls from now on."""
        self._networks.append(network)
        self._ignore()
        self._notice()

    def steps(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield batches, each for one call of a network; the same counts, for less.

        PyTorch calls a module with a callback in a slower way. So there is one only where the step
        is not silent: otherwise the batches are counted.
        """
        try:
            for batch in batches:
                if self.silent:
                    self._ignore()
                    self._pass()
                else:
                    self._notice()
                yield batch
        finally:
            self._notice()

    def listen(self) -> None:
        """Let no more calls be silent, also between two batches of `steps`."""
        self.silent = 0
        self._notice()

    def take_passed(self) -> int:
        """Return the number of silent calls since this was last asked."""
        passed, self._passed = self._passed, 0
        return passed

    def _called(self, network: nn.Module, inputs: Any) -> None:
        if self.silent:
            self._pass()
        else:
            self._begin(network)

    def _pass(self) -> None:
        self.silent -= 1
        self._passed += 1

    def _notice(self) -> None:
        if not self._callbacks:
            self._callbacks = [
                network.register_forward_pre_hook(self._called) for network in self._networks
            ]

    def _ignore(self) -> None:
        while self._callbacks:
            self._callbacks.pop().remove()
