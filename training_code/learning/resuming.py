"""Keep how far a training is after each epoch, and go on there in the process that follows.

What comes after is what would have come without the interruption, to the bit: parameters, the
optimizer, its schedule, random generators and the debugger's counts are as they were. The order of
the pictures follows from seed and epoch. Frozen activations are computed again.
"""

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from debugger.session import Debugger
from job.log import log
from learning.checkpoint_files import read_checkpoint, write_checkpoint
from learning.identity import Identity, differences
from learning.random_states import random_states, restore_random_states
from learning.training_loop import (
    Checkpoint,
    EpochResult,
    Phase,
    Progress,
    restore,
    trained_parameters,
)

_TENSORS = "tensors"


class CheckpointKeeper:
    """A keeper of checkpoints in `folder`; of several processes, the first alone reads and writes.

    `phases` is what is kept of each phase, by its name.
    """

    def __init__(
        self,
        folder: Path,
        identity: Identity,
        debugger: Debugger,
        phases: Mapping[str, Any],
    ) -> None:
        self._folder = folder
        self._identity = identity
        self._debugger = debugger
        self._phases = dict(phases)

    def resume(self, phase: Phase) -> Progress | None:
        """Make the phase as it was after its last whole epoch; None when there was none."""
        kept = phase.replicas.from_first(lambda: self._phases.get(phase.name))
        if kept is None:
            return None
        if not kept["complete"]:
            restore(phase.network, kept["network"])
            phase.optimizer.load_state_dict(kept["optimizer"])
            phase.schedule.load_state_dict(kept["schedule"])
        restore_random_states(kept["random"][phase.replicas.rank])
        best = Checkpoint(EpochResult(**kept["best"]), kept["best_parameters"])
        return Progress(best, [EpochResult(**one) for one in kept["history"]])

    def keep(self, phase: Phase, progress: Progress, *, complete: bool) -> None:
        """Write down how far the phase is; of one that is complete, only what it came to."""
        random = phase.replicas.from_each(random_states())
        if not phase.replicas.first:
            return
        kept: dict[str, Any] = {
            "complete": complete,
            "history": [asdict(one) for one in progress.history],
            "best": asdict(progress.best.result),
            "best_parameters": progress.best.parameters,
            "random": random,
        }
        if not complete:
            kept |= {
                "network": trained_parameters(phase.network),
                "optimizer": phase.optimizer.state_dict(),
                "schedule": phase.schedule.state_dict(),
            }
        self._phases[phase.name] = kept
        self._write(alone=complete)

    def _write(self, *, alone: bool) -> None:
        state = {
            "identity": dict(self._identity),
            "phases": self._phases,
            "debugger": self._debugger.keep(self._folder / _TENSORS),
        }
        epochs = _epochs(self._phases)
        try:
            write_checkpoint(self._folder, state, epochs, alone=alone)
        except OSError as error:  # a full disk: the training itself is what counts
            log(f"warning: there is no checkpoint of epoch {epochs}: {error}")


def open_keeper(folder: Path, identity: Identity, debugger: Debugger) -> CheckpointKeeper:
    """Open the checkpoints of a training, whose debugger goes on as well.

    What is there of another training is said, and removed.
    """
    state = read_checkpoint(folder)
    phases: Mapping[str, Any] = {}
    if state and (differ := differences(state.get("identity"), identity)):
        what = " and ".join(differ)
        log(f"warning: the checkpoint in {folder} is not used: it is of other {what}")
        state = None
    if state:
        phases = state["phases"]
        debugger.go_on(state["debugger"], folder / _TENSORS)
        log(f"going on after epoch {_epochs(phases)}, by the checkpoint in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    return CheckpointKeeper(folder, identity, debugger, phases)


def follow_keeper(debugger: Debugger) -> CheckpointKeeper:
    """Return the keeper of a process that is not the first: it is told, and writes nothing."""
    return CheckpointKeeper(Path(), {}, debugger, {})


def _epochs(phases: Mapping[str, Any]) -> int:
    return sum(len(kept["history"]) for kept in phases.values())
