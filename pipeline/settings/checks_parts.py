"""Check a search in parts: what SageMaker takes as parts, and what can be drawn beforehand."""

from collections.abc import Callable, Iterator

from pipeline.settings.drawing import drawn_settings, is_in_parts
from pipeline.settings.errors import Problem
from pipeline.settings.model import CategoricalRange, Settings
from training_code.searching.settings_table import LONGEST, part_names, write_table

_KEY = ("tuning", "settings_per_trial")
MOST_PARTS = 30  # a categorical range has no more values


def parts_can_be_drawn(settings: Settings) -> Iterator[Problem]:
    """Check that the strategy needs no results to choose the next settings."""
    strategy = settings.tuning.strategy
    if is_in_parts(settings.tuning) and strategy in ("Bayesian", "Hyperband"):
        what = f"a {strategy} search chooses a setting by the results of others: with more than 1"
        yield Problem(_KEY, f"{what} set tuning.strategy to Random, or to Grid")


def parts_can_be_searched(settings: Settings) -> Iterator[Problem]:
    """Check that there are some parts, not too many, and that a job can be told their settings."""
    tuning = settings.tuning
    if not is_in_parts(tuning) or tuning.strategy not in ("Random", "Grid") or _is_wrong(settings):
        return
    drawn = drawn_settings(settings)
    parts, length = part_names(len(drawn), tuning.settings_per_trial), len(write_table(drawn))
    if len(parts) > MOST_PARTS:
        what = f"{len(drawn)} settings make {len(parts)} trials, at most {MOST_PARTS} are possible"
        yield Problem(_KEY, f"{what}: give more settings to each")
    if length > LONGEST:
        what = f"{len(drawn)} settings take {length:,} characters, of {LONGEST:,} that a job can be"
        yield Problem(_KEY, f"{what} told: search fewer (tuning.max_jobs, or values of a Grid)")
    if tuning.max_parallel_jobs > len(parts):
        what = f"{tuning.max_parallel_jobs} is more than the {len(parts)} trials that"
        yield Problem(
            ("tuning", "max_parallel_jobs"),
            f"{what} {len(drawn)} settings make, {tuning.settings_per_trial} in each",
        )


def parts_begin_anew(settings: Settings) -> Iterator[Problem]:
    """Check that no checkpoints are asked for of a job that tries several settings: it has none."""
    spot = settings.tuning.spot
    if is_in_parts(settings.tuning) and spot and spot.checkpoints:
        what = "a job that tries several settings (settings_per_trial) begins anew"
        yield Problem(
            ("tuning", "spot", "checkpoints"), f"{what} when interrupted: set it to false"
        )


def _is_wrong(settings: Settings) -> bool:
    """Check whether other checks have found ranges that nothing can be drawn from."""
    ranges = dict(settings.tuning.ranges.items()).values()
    lists = [one for one in ranges if isinstance(one, CategoricalRange)]
    others = [one for one in ranges if not isinstance(one, CategoricalRange)]
    if not ranges or any(not one.values for one in lists):
        return True
    if settings.tuning.strategy == "Grid" and others:
        return True
    return any(
        one.min >= one.max
        or (one.scaling == "Logarithmic" and one.min <= 0)
        or (one.scaling == "ReverseLogarithmic" and not 0 <= one.min < one.max < 1)
        for one in others
    )


PARTS_CHECKS: tuple[Callable[[Settings], Iterator[Problem]], ...] = (
    parts_can_be_drawn,
    parts_can_be_searched,
    parts_begin_anew,
)
