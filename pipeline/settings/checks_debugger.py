"""Check what no type can say about `debugger`, and about the rules that the gate asks."""

from collections.abc import Callable, Iterator

from pipeline.settings.errors import Problem
from pipeline.settings.keys import Keys
from pipeline.settings.model import Settings


def rules_that_stop_run(settings: Settings) -> Iterator[Problem]:
    """Check that rules which stop the training run, inside the training job."""
    path = ("debugger", "stop_training_on")
    yield from _must_run(settings, path)
    if settings.debugger.stop_training_on and settings.debugger.mode == "service":
        # Its action stops the one job whose name has a prefix; a pipeline's jobs get their names
        # from SageMaker, and a prefix of all of them could stop another pipeline's job.
        what = "SageMaker's own rules cannot stop a pipeline's job safely: debugger.mode embedded"
        yield Problem(path, what)


def rules_of_the_gate_run(settings: Settings) -> Iterator[Problem]:
    """Check that the gate asks only rules that have tensors to look at."""
    yield from _must_run(settings, ("gate", "no_issues_from"))


def _must_run(settings: Settings, path: tuple[str, str]) -> Iterator[Problem]:
    names = getattr(getattr(settings, path[0]), path[1])
    if names and settings.debugger.mode == "off":
        yield Problem(path, "nothing is saved with debugger.mode off: embedded or service")
    known = [rule.name for rule in settings.debugger.rules]
    for number, name in enumerate(names):
        place: Keys = (*path, number)
        if name not in known:
            yield Problem(place, f"{name} does not run: add it to debugger.rules")
        elif name in names[:number]:
            yield Problem(place, f"{name} is there twice")


DEBUGGER_CHECKS: tuple[Callable[[Settings], Iterator[Problem]], ...] = (
    rules_that_stop_run,
    rules_of_the_gate_run,
)
