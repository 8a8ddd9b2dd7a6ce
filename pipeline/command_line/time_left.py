"""Say how long a task still takes, if it goes on as so far."""

_MINUTES_FROM_S = 90


def time_left(seconds: float) -> str:
    """Format a time that is left, as in `17 s left` or `3 min left`."""
    if seconds >= _MINUTES_FROM_S:
        return f"{seconds / 60:.0f} min left"
    return f"{seconds:.0f} s left"


def seconds_left(passed: float, done: float, total: float) -> float | None:
    """Estimate the rest of a task of which so much is done; None while nothing can be said."""
    return passed * (total - done) / done if 0 < done < total else None
