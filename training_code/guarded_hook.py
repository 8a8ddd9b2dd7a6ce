"""smdebug's hook, with its callbacks guarded: an error in one ends debugging, not training."""

from collections.abc import Callable
from typing import Any

from smdebug.pytorch import Hook, modes


class GuardedHook(Hook):  # type: ignore[misc]
    """A Hook that says once that debugging was lost, and from then on does nothing."""

    lost = False

    def give_up(self, error: Exception) -> None:
        """Logs the error, once, and stops saving."""
        self.lost = True
        print(
            f"warning: debugging was lost ({type(error).__name__}: {error}); training goes on",
            flush=True,
        )

    def use_mode(self, name: str) -> None:
        """What follows is of the mode TRAIN or EVAL."""
        self.set_mode(modes[name])

    def forward_pre_hook(self, module: Any, inputs: Any) -> None:
        """Called before the network runs."""
        self._guarded(super().forward_pre_hook, module, inputs)

    def forward_hook(self, module: Any, inputs: Any, outputs: Any) -> None:
        """Called after each layer ran."""
        self._guarded(super().forward_hook, module, inputs, outputs)

    def fhook(self, module: Any, inputs: Any, outputs: Any) -> None:
        """Called after the network ran."""
        self._guarded(super().fhook, module, inputs, outputs)

    def backward_hook(self, tname: str) -> Callable[[Any], None]:
        """The callback that sees the gradient of the parameter `tname`."""
        back = super().backward_hook(tname)
        return lambda gradient: self._guarded(back, gradient)

    def _cleanup(self) -> None:
        """Called by close(), and once more when the process ends."""
        try:
            super()._cleanup()
        except Exception as error:
            if not self.lost:
                self.give_up(error)

    def _guarded(self, callback: Callable[..., Any], *arguments: Any) -> None:
        if self.lost:
            return
        try:
            callback(*arguments)
        except Exception as error:  # full disk, unusual tensors, ...: not training's business
            self.give_up(error)
