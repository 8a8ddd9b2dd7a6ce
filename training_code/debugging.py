"""SageMaker Debugger's hook, when the job has a configuration for it; otherwise nothing."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

CONFIG_VARIABLE = "SMDEBUG_CONFIG_FILE_PATH"
CONFIG_PATH = Path("/opt/ml/input/config/debughookconfig.json")


class Debugger:
    """The hook, or none: training calls it the same way. What fails in it never stops training."""

    def __init__(self, hook: Any | None = None) -> None:
        self._hook = hook
        self._has_loss = False

    @property
    def active(self) -> bool:
        """Whether tensors are being saved."""
        return self._hook is not None

    def watch(self, network: nn.Module, loss: nn.Module) -> None:
        """Saves tensors of this network from now on; the loss is registered the first time."""
        self._attempt(lambda hook: hook.register_module(network))
        if not self._has_loss:
            self._attempt(lambda hook: hook.register_loss(loss))
        self._has_loss = True

    def training(self) -> None:
        """What follows is training."""
        self._set_mode("TRAIN")

    def validating(self) -> None:
        """What follows is validation."""
        self._set_mode("EVAL")

    def close(self) -> None:
        """Writes what is still held back."""
        self._attempt(lambda hook: hook.close())
        self._hook = None

    def _set_mode(self, name: str) -> None:
        self._attempt(lambda hook: hook.use_mode(name))

    def _attempt(self, action: Callable[[Any], None]) -> None:
        if self._hook is None or self._hook.lost:
            return
        try:
            action(self._hook)
        except Exception as error:  # debugging must never cost a training
            self._hook.give_up(error)


def config_file(environ: Mapping[str, str]) -> Path | None:
    """The job's debug hook configuration, None when it has none."""
    path = Path(environ.get(CONFIG_VARIABLE, CONFIG_PATH))
    return path if path.is_file() else None


def open_debugger(environ: Mapping[str, str] = os.environ) -> Debugger:
    """The hook that the job's configuration asks for; smdebug is imported only if there is one."""
    path = config_file(environ)
    if path is None:
        return Debugger()
    try:
        from guarded_hook import GuardedHook  # noqa: PLC0415 - smdebug only when asked for

        return Debugger(GuardedHook.create_from_json_file(str(path)))
    except Exception as error:  # missing package, unreadable configuration, no place to write
        print(f"warning: debugging is off: {type(error).__name__}: {error}", flush=True)
        return Debugger()
