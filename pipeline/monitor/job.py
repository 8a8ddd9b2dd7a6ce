"""Run training_code/monitor.py on this machine, as a processing job runs it on SageMaker."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.command_line.running import ROOT
from pipeline.errors import PipelineError
from pipeline.local.jobs.containers import bare_environment, log_tail, python_argv
from pipeline.local.processes.command import Command, run_to_end, start_process

_SCRIPT = ROOT / "training_code" / "monitor.py"
_LIMIT_S, _GRACE_S = 3600.0, 5.0


class MonitoringError(PipelineError):
    """The comparison could not be made; the message says why."""


@dataclass(frozen=True)
class Work:
    """The folders of a comparison: as the job's inputs and output on SageMaker."""

    root: Path

    @property
    def model(self) -> Path:
        """Where model.tar.gz lies."""
        return self.root / "input" / "model"

    @property
    def captured(self) -> Path:
        """Where captured requests lie."""
        return self.root / "input" / "captured"

    @property
    def monitoring(self) -> Path:
        """Where the result is written."""
        return self.root / "output" / "monitoring"

    def make(self, archive: Path) -> None:
        """Make the folders, with the model in its place."""
        for folder in (self.model, self.captured, self.monitoring):
            folder.mkdir(parents=True)
        (self.model / "model.tar.gz").symlink_to(archive.resolve())


def run_monitor(
    work: Work, pictures: int, false_alarms: float, hear: Callable[[str], None]
) -> None:
    """Run the job to its end; `hear` gets its lines. Raises MonitoringError with its reason."""
    argv = ["python3", str(_SCRIPT), "--model", str(work.model), "--captured", str(work.captured)]
    argv += ["--monitoring", str(work.monitoring), "--pictures", str(pictures)]
    argv += ["--false-alarms", f"{false_alarms:g}"]
    code = (ROOT / "training_code", ROOT / "inference_code")
    log = work.root / "log.txt"
    log.touch()
    message = work.root / "message"
    command = Command(
        python_argv(tuple(argv)),
        work.root,
        bare_environment(work.root / "home", str(work.root))
        | {"PYTHONPATH": os.pathsep.join(map(str, code)), "EXIT_MESSAGE_FILE": str(message)},
        log,
    )
    ending = run_to_end(
        command, start_process, hear, lambda: False, limit_s=_LIMIT_S, grace_s=_GRACE_S
    )
    if ending.cause == "timed out":
        raise MonitoringError(f"it took longer than {_LIMIT_S / 60:.0f} minutes: ask for fewer")
    if ending.code:
        told = message.read_text("utf-8", "replace") if message.is_file() else ""
        reason = told or next(iter(log_tail(log)[-1:]), f"the job ended with {ending.code}")
        raise MonitoringError(reason.removeprefix("error: "))
