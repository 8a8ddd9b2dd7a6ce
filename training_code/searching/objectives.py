"""Tell the objective's value of an epoch, by the metric's name in the definition."""

from job.errors import JobError
from learning.training_loop import EpochResult

OBJECTIVES = ("best:valid_accuracy", "best:valid_loss", "valid:accuracy", "valid:loss")


def value_of(objective: str, newest: EpochResult, best: EpochResult) -> float:
    """Return `best:valid_loss` of the best epoch so far, `valid:loss` of the newest one.

    Raises JobError for a metric that cannot be searched by.
    """
    if objective not in OBJECTIVES:
        raise JobError(
            f"hyperparameter objective is {objective}; it must be one of {', '.join(OBJECTIVES)}"
        )
    of, _, name = objective.partition(":")
    value: float = getattr(best, name) if of == "best" else getattr(newest, f"{of}_{name}")
    return value


def sign_of(objective: str) -> int:
    """Return 1 where more is better, -1 where less is."""
    return -1 if objective.endswith("loss") else 1
