"""Compute when smdebug's collections are saved next, so that the steps between need not ask."""

import sys
from collections.abc import Iterable
from typing import Any

NEVER = sys.maxsize


def next_saved(configurations: Iterable[Any], mode: Any, step: int) -> int:
    """Return the first step of the mode after `step` at which one of smdebug's SaveConfigs saves.

    The same as asking each configuration's should_save_step for one step after another; NEVER when
    there is none.
    """
    steps = (_next(each.get_save_config(mode), step + 1) for each in configurations)
    return min(steps, default=NEVER)


def _next(configuration: Any, earliest: int) -> int:
    """Return the first step, `earliest` or later, at which one SaveConfigMode saves."""
    interval = configuration.save_interval
    begin = max(earliest, configuration.start_step)
    regular = begin + -begin % interval
    end = configuration.end_step
    found = [step for step in configuration.save_steps if step >= earliest]
    if end is None or regular < end:
        found.append(regular)
    return min(found, default=NEVER)
