"""Define how a definition or a step can fail, saying what, where and how to mend it."""

import errno
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import EXIT_STOPPED, PipelineError, file_reason

MAXIMUM_REASON = 1024  # characters that SageMaker keeps of a FailureReason


class StepFailed(PipelineError):
    """A step did not succeed.

    `reason` is one line; the message adds the exit code, and where and how the log ends.
    """

    def __init__(
        self,
        step: str,
        reason: str,
        *,
        exit_code: int | None = None,
        log: Path | None = None,
        log_tail: Sequence[str] = (),
    ) -> None:
        self.step = step
        self.reason = reason
        self.job_exit_code = exit_code
        self.log = log
        self.log_tail = tuple(log_tail)
        super().__init__(self._message())

    def described(self) -> str:
        """Word the failure as a job's FailureReason does."""
        if self.job_exit_code is None:
            return f"ClientError: {self.reason}"
        return f"AlgorithmError: {self.reason}, exit code: {self.job_exit_code}"

    def _message(self) -> str:
        code = "" if self.job_exit_code is None else f" (exit code {self.job_exit_code})"
        lines = [f"step {self.step} failed{code}: {self.reason}"]
        if self.log:
            lines.append(f"  log: {self.log}")
        return "\n".join([*lines, *(f"  | {line}" for line in self.log_tail)])


class StepStopped(PipelineError):
    """A step was stopped before its end, because the whole run was."""

    exit_code = EXIT_STOPPED


def disk_reason(error: OSError) -> str:
    """Say in one line why a file could not be read or written in a run."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    hint = " (free some space and run again: finished steps are kept)" if full else ""
    return f"{file_reason(error)}{hint}"
