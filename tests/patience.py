"""How long tests wait for what must come."""

import time
from collections.abc import Callable

# Seconds, for a machine that is busy with much else: what never comes is a failure, what is slow
# is none. Nothing waits so long where all is well.
PATIENCE = 300


def wait_until(holds: Callable[[], object], told: Callable[[], object] = str) -> None:
    """Return once it holds; fail with what is `told` then where it never does."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, told()
        time.sleep(0.01)
