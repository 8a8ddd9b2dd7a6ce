"""Open SageMaker Debugger's hook for a training whose job or hyperparameters configure it.

Its cost at the defaults, side by side with the same training unwatched (benchmarks/debugging.py,
on two cores, 2026-11-30), medians: 2,100 steps of a head (1280 features, 120 classes, batches of
64, 15 trainings) +1.0 %, with five rules +2.5 %; 550 steps of fine-tuning (9 trainings) +0.6 and
+0.7 %. A second unwatched training beside them: +0.1 and +0.2 %. The time that hook and rules
measure of themselves is 1.2 and 2.4 %, and 0.3 and 0.4 %. The import of smdebug, 0.4 s of CPU once
a job, is in none of these. What that clock does not see is in the steps that save nothing: PyTorch
calls a network with a callback in a slower way, 5 microseconds a step, and keeps asking a
parameter for callbacks that it had once, 2.5 more. The first is gone where a loop hands its
batches to `steps`.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from torch import nn

from debugger.kept_tensors import bring_back, keep_tensors
from debugger.plan import DebugPlan
from debugger.rules_file import DEBUG_FOLDER, error_text, write_rules
from debugger.smdebug_loading import prepare_smdebug
from job.errors import JobError
from job.log import log

if TYPE_CHECKING:
    from debugger.embedded_rules import EmbeddedRules

CONFIG_VARIABLE = "SMDEBUG_CONFIG_FILE_PATH"
CONFIG_PATH = Path("/opt/ml/input/config/debughookconfig.json")
_NO_PLAN = DebugPlan()
Batch = TypeVar("Batch")
_FEW = 12  # names of tensors in a warning


class LostBeforeError(Exception):
    """Debugging was off, or lost, in the process that this one goes on after."""


class Debugger:
    """A debugger hook, or none: training calls it the same way. Its faults never stop training."""

    def __init__(
        self,
        hook: Any | None = None,
        rules: "EmbeddedRules | None" = None,
        places: tuple[Path, ...] = (),
        lost: Exception | None = None,
        own_tensors: Path | None = None,
    ) -> None:
        """Take `places`, folders to write into that debugging was lost; `lost`: it is already.

        `own_tensors` is where the hook writes, if SageMaker itself does not keep that folder.
        """
        self._hook = hook
        self._rules = rules
        self._places = places
        self._lost = lost
        self._own_tensors = own_tensors
        self._has_loss = False
        self._own_seconds = 0.0

    @property
    def active(self) -> bool:
        """Whether tensors are being saved."""
        return self._hook is not None

    def seconds(self) -> float:
        """Return the seconds spent so far on saving and judging."""
        saving: float = 0.0 if self._hook is None else self._hook.seconds
        return saving + self._own_seconds

    def watch(self, network: nn.Module, loss: nn.Module) -> None:
        """Save this network's tensors from now on; register the loss the first time."""
        self._attempt(lambda hook: hook.register_module(network))
        if not self._has_loss:
            self._attempt(lambda hook: hook.register_loss(loss))
        self._has_loss = True

    def training(self) -> None:
        """Mark the steps that follow as training."""
        self._set_mode("TRAIN")

    def validating(self) -> None:
        """Mark the steps that follow as validation."""
        self._set_mode("EVAL")

    def steps(self, batches: Iterable[Batch]) -> Iterable[Batch]:
        """Return the same batches, for a loop that calls the network once with each of them.

        Watching costs less then, where nothing is saved.
        """
        return batches if self._hook is None else self._hook.steps(batches)

    def check(self) -> None:
        """Let the job's rules judge what was saved.

        Raises JobError when one found an issue that is to end the training.
        """
        self._attempt(lambda hook: hook.write_held())
        self._judge(lambda rules: rules.look())

    def keep(self, folder: Path) -> dict[str, Any]:
        """Return what `go_on` takes, with a copy in `folder` of tensors that would be lost."""
        state: dict[str, Any] = {}

        def attempt(hook: Any) -> None:
            if self._own_tensors is not None:
                keep_tensors(self._own_tensors, folder)
            state["hook"] = hook.state()

        self._attempt(attempt)
        return state

    def go_on(self, state: Mapping[str, Any], folder: Path) -> None:
        """Go on where an earlier process of this training was, as if it were the same."""

        def attempt(hook: Any) -> None:
            if "hook" not in state:
                raise LostBeforeError("it was off, or lost, before the training was interrupted")
            if self._own_tensors is not None:
                bring_back(folder, self._own_tensors, state["hook"]["step"])
            hook.go_on(state["hook"])

        self._attempt(attempt)

    def close(self) -> None:
        """Write the tensors still held back and the outcomes of the job's rules."""
        self._attempt(lambda hook: hook.close())
        lost = self._hook.lost_because if self._hook is not None else None
        unmatched = self._unmatched()
        self._judge(lambda rules: rules.finish(lost, unmatched))
        lost = lost or self._lost
        if lost is not None and self._rules is None:
            for place in self._places:
                with suppress(OSError):  # a full disk may be why it was lost
                    write_rules(place, [], None, lost)
        self._own_seconds = self.seconds()
        self._hook = self._rules = None
        self._places = ()

    def _unmatched(self) -> tuple[str, ...]:
        """Return the collections that saved nothing, and warn of each."""
        if self._hook is None or self._hook.lost or not self._hook.seen():
            return ()
        seen = self._hook.seen()
        few = ", ".join(seen[:_FEW]) + (", ..." if len(seen) > _FEW else "")
        for name, pattern in self._hook.unmatched().items():
            log(
                f"warning: debugger collection {name} saved nothing: no tensor of this training"
                f" matches {pattern!r}. There are {few}"
            )
        return tuple(self._hook.unmatched())

    def _set_mode(self, name: str) -> None:
        self._attempt(lambda hook: hook.use_mode(name))

    def _attempt(self, action: Callable[[Any], None]) -> None:
        if self._hook is None or self._hook.lost:
            return
        try:
            action(self._hook)
        except Exception as error:  # debugging must never cost a training
            self._hook.give_up(error)

    def _judge(self, action: Callable[["EmbeddedRules"], None]) -> None:
        if self._rules is None:
            return
        start = time.perf_counter()
        try:
            action(self._rules)
        except JobError:
            self._rules, self._places = None, ()  # their outcomes are written already
            raise
        except Exception as error:
            self._rules, self._lost = None, error
            log(f"warning: the debugger's rules were lost ({error_text(error)})")
        self._own_seconds += time.perf_counter() - start


def config_file(environ: Mapping[str, str]) -> Path | None:
    """Return the path of the job's debug hook configuration, or None when it has none."""
    path = Path(environ.get(CONFIG_VARIABLE, CONFIG_PATH))
    return path if path.is_file() else None


def open_debugger(environ: Mapping[str, str] = os.environ, plan: DebugPlan = _NO_PLAN) -> Debugger:
    """Open the hook that the job's configuration, or else the plan, asks for.

    With a plan the tensors lie in the job's own output, and its rules are judged in the job.
    smdebug is imported only if it is needed.
    """
    path = config_file(environ)
    if path is None and not plan.active:
        return Debugger()
    folder = Path(environ["SM_OUTPUT_DATA_DIR"]) / DEBUG_FOLDER
    os.environ.setdefault("SMDEBUG_LOG_LEVEL", "warning")
    try:
        prepare_smdebug()
        if path is not None:
            from debugger.guarded_hook import GuardedHook  # noqa: PLC0415 - smdebug only when asked for

            hook = GuardedHook.create_from_json_file(str(path))
            return Debugger(hook, places=(folder, Path(hook.out_dir)))
        return _embedded(plan, folder)
    except Exception as error:  # missing package, unreadable configuration, no place to write
        log(f"warning: debugging is off: {error_text(error)}")
        return Debugger(places=(folder,), lost=error)


def _embedded(plan: DebugPlan, folder: Path) -> Debugger:
    from debugger.embedded_rules import EmbeddedRules  # noqa: PLC0415 - as above
    from debugger.guarded_hook import GuardedHook  # noqa: PLC0415 - as above

    with TemporaryDirectory() as scratch:
        path = Path(scratch) / CONFIG_PATH.name
        path.write_text(json.dumps(plan.hook_configuration(str(folder))), encoding="utf-8")
        hook = GuardedHook.create_from_json_file(str(path))
    return Debugger(hook, EmbeddedRules(folder, plan), (folder,), own_tensors=folder)
