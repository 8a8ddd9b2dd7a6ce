"""Count the jobs that a run starts, and the time that starting them takes, one after another."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from pipeline.check.document import CheckedDefinition
from pipeline.check.graph import direct_needs
from pipeline.cost.lines import Calculator
from pipeline.cost.prices import StartTimes
from pipeline.definition.steps import WrittenStep


@dataclass(frozen=True)
class JobStarts:
    """The jobs that a step starts, how many of them one after another, and the seconds of those.

    `warm_seconds`: what it takes on a machine that the run before kept; None where none is kept.
    """

    step: str
    jobs: int
    in_turn: int
    seconds: float
    warm_seconds: float | None = None


@dataclass(frozen=True)
class Starts:
    """All starts of a run. `seconds` are those of the longest chain of steps that wait."""

    steps: tuple[JobStarts, ...]
    seconds: float

    @property
    def jobs(self) -> int:
        """The number of jobs."""
        return sum(one.jobs for one in self.steps)


def count_starts(calculator: Calculator, times: StartTimes | None) -> Starts | None:
    """Count the starts of a definition; None where nothing is known of how long they take."""
    if times is None:
        return None
    steps = tuple(_starts(calculator, times))
    return Starts(steps, _longest(calculator.document, {one.step: one.seconds for one in steps}))


def _starts(calculator: Calculator, times: StartTimes) -> Iterator[JobStarts]:
    for step in calculator.document.steps:
        if step.arguments["ProcessingResources"].exists:
            yield JobStarts(step.name, 1, 1, times.processing_seconds)
        elif step.type == "Training":
            warm = times.warm_seconds if calculator.kept_seconds(step) else None
            yield JobStarts(step.name, 1, 1, times.training_seconds, warm)
        elif step.type == "Tuning":
            yield _of_trials(step, calculator, times)


def _of_trials(step: WrittenStep, calculator: Calculator, times: StartTimes) -> JobStarts:
    trials, at_once = calculator.trials(step)
    turns = math.ceil(trials / at_once)
    return JobStarts(step.name, math.ceil(trials), turns, turns * times.training_seconds)


def _longest(document: CheckedDefinition, seconds: Mapping[str, float]) -> float:
    """Return the most seconds that steps of a chain take together, each waiting for the last."""
    needs, until = direct_needs(document), dict[str, float]()
    try:
        for name in TopologicalSorter(needs).static_order():
            begun = max((until[one] for one in needs.get(name, ())), default=0.0)
            until[name] = begun + seconds.get(name, 0.0)
    except CycleError:
        return 0.0  # they wait for each other: none of them starts
    return max(until.values(), default=0.0)
