"""What a step is doing, for everything that shows it: local runs and runs on AWS alike."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class StepProgress:
    """The state of one step at one moment.

    `status` is SageMaker's StepStatus (Starting, Executing, Stopping, Stopped, Failed, Succeeded),
    or Waiting for a step that has not begun and Skipped for one behind the branch not taken.
    """

    name: str
    type: str
    status: str
    started: datetime | None = None
    ended: datetime | None = None
    metric: str | None = None
    trials_done: int = 0
    trials_total: int = 0
    cached: bool = False
    message: str | None = None
