"""Check the search: ranges, strategy, trial counts, and what the final training takes from it."""

from collections.abc import Iterator

from pipeline.check.document import CheckedDefinition
from pipeline.check.findings import Problem
from pipeline.check.functions import known_value
from pipeline.check.graph import steps_referred_to
from pipeline.check.jobs import hyperparameters, searches
from pipeline.check.properties import tuned_names
from pipeline.check.rules.rule import Rule, rule
from pipeline.definition.node import Node, is_number, shown
from pipeline.definition.steps import WrittenStep
from pipeline.job_scripts.searched import settings_in
from training_code.searching.settings_table import PART, SETTINGS, numbers_of

_NUMERIC = ("ContinuousParameterRanges", "IntegerParameterRanges")


@rule("range")
def ranges(document: CheckedDefinition) -> Iterator[Problem]:
    """Report ranges that are empty, not numeric, not scalable as set, or repeat a value."""
    for found in _ranges(document):
        for kind in _NUMERIC:
            for item in found[kind].items():
                yield from _range_problems(document, item, whole=kind == "IntegerParameterRanges")
        for item in found["CategoricalParameterRanges"].items():
            values = [value.value for value in item["Values"].items()]
            if len({shown(value) for value in values}) < len(values):
                yield Problem(item["Values"].path, "a value is listed twice", "keep one of them")


@rule("parallel-trials")
def parallel_trials(document: CheckedDefinition) -> Iterator[Problem]:
    """Report more trials at once than there are in all."""
    for config in _configs(document):
        limits = config["ResourceLimits"]
        most = known_value(document, limits["MaxNumberOfTrainingJobs"])
        at_once = known_value(document, limits["MaxParallelTrainingJobs"])
        if is_number(most) and is_number(at_once) and at_once > most:
            what = f"{at_once} trials at once, of {most} in all"
            yield Problem(limits["MaxParallelTrainingJobs"].path, what, f"give at most {most}")


@rule("strategy")
def strategies(document: CheckedDefinition) -> Iterator[Problem]:
    """Report a strategy that does not go with the rest of the search."""
    for step in document.of_type("Tuning"):
        config = step.arguments["HyperParameterTuningJobConfig"]
        strategy, found = config["Strategy"], [one for _, all_ in searches(step) for one in all_]
        if strategy.value == "Grid" and any(
            one[kind].items() for one in found for kind in _NUMERIC
        ):
            what = "Grid searches categorical ranges only"
            yield Problem(strategy.path, what, "write Bayesian or Random, or list the values")
        early = config["TrainingJobEarlyStoppingType"]
        if strategy.value == "Hyperband" and early.value == "Auto":
            what = "Hyperband stops trials itself; SageMaker refuses it with early stopping"
            yield Problem(early.path, what, "write Off")
        if strategy.value != "Grid" and not tuned_names(step):
            what = "there is no range to search"
            place = config["ParameterRanges"].path
            yield Problem(place, what, "add a hyperparameter to ParameterRanges")


@rule("tuned-value-unused", "warning")
def tuned_values_unused(document: CheckedDefinition) -> Iterator[Problem]:
    """Report hyperparameters that are searched while the final training ignores what was found.

    Judged for training steps that take at least one tuned value.
    """
    for training in document.of_type("Training"):
        node = hyperparameters(training)
        for tuning in document.of_type("Tuning"):
            taken = [
                name
                for name, value in node.members()
                if any(step == tuning.name for step, _ in steps_referred_to(value))
            ]
            for name in tuned_names(tuning):
                if taken and name not in taken:
                    what = f"step {tuning.name} searches {name!r}, but what it finds is not used"
                    mend = f"Get Steps.{tuning.name}.BestTrainingJob.TunedHyperParameters['{name}']"
                    yield Problem(node[name].path, what, mend)


@rule("search-parts")
def search_parts(document: CheckedDefinition) -> Iterator[Problem]:
    """Report settings of a search in parts that no part has, or several, or that Train lacks."""
    for step in document.of_type("Tuning"):
        static = hyperparameters(step)
        if PART not in tuned_names(step) or not static[SETTINGS].exists:
            continue
        table = static[SETTINGS]
        settings = settings_in(table.text or "")
        if not settings:
            what = f"{shown(table.value)} is no table of settings"
            yield Problem(table.path, what, "write lr,batch_size:0.001,64:0.01,32")
        yield from _dealt(step, len(settings))
        for training in document.of_type("Training"):
            given = hyperparameters(training)[SETTINGS]
            if given.exists and given.value != table.value:
                what = f"step {training.name} knows other settings than step {step.name} searches"
                yield Problem(given.path, what, "give both the same")


def _dealt(step: WrittenStep, count: int) -> Iterator[Problem]:
    """Report parts that are none, and settings that are not in exactly one part."""
    dealt: list[int] = []
    values = [
        value
        for _, found in searches(step)
        for ranges in found
        for item in ranges["CategoricalParameterRanges"].items()
        if item["Name"].text == PART
        for value in item["Values"].items()
    ]
    for value in values:
        try:
            dealt.extend(numbers_of(value.text or ""))
        except ValueError as error:
            yield Problem(value.path, str(error), "write the first and the last number")
    wrong = sorted({n for n in dealt if n > count or dealt.count(n) > 1} | _missing(dealt, count))
    if values and wrong:
        named = ", ".join(map(str, wrong[:5]))
        what = f"of {count} settings the parts hold not each one once: {named}"
        yield Problem(values[0].path, what, "deal out each number once")


def _missing(dealt: list[int], count: int) -> set[int]:
    return set(range(1, count + 1)) - set(dealt)


def _ranges(document: CheckedDefinition) -> list[Node]:
    steps = document.of_type("Tuning")
    return [found for step in steps for _, ranges in searches(step) for found in ranges]


def _configs(document: CheckedDefinition) -> list[Node]:
    steps = document.of_type("Tuning")
    return [step.arguments["HyperParameterTuningJobConfig"] for step in steps]


def _range_problems(document: CheckedDefinition, item: Node, whole: bool) -> Iterator[Problem]:
    ends = {}
    for key in ("MinValue", "MaxValue"):
        value = known_value(document, item[key])
        if not isinstance(value, str):
            return
        number = _number(value)
        if number is None or (whole and number != int(number)):
            wanted = "a whole number" if whole else "a number"
            yield Problem(item[key].path, f"{shown(value)} is not {wanted}", f"give {wanted}")
            return
        ends[key] = number
    low, high = ends["MinValue"], ends["MaxValue"]
    name, scaling = item["Name"].value, item["ScalingType"]
    if low >= high:
        what = f"the range of {name!r} goes from {low:g} to {high:g}"
        yield Problem(item["MinValue"].path, what, "give a MinValue below the MaxValue")
    elif scaling.value == "Logarithmic" and low <= 0:
        what = f"a logarithmic range begins above 0, that of {name!r} at {low:g}"
        yield Problem(scaling.path, what, "raise MinValue or write Linear")
    elif scaling.value == "ReverseLogarithmic" and not (low >= 0 and high < 1):
        what = f"a reverse logarithmic range lies within 0 and 1, that of {name!r} does not"
        yield Problem(scaling.path, what, "write Linear")


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


RULES: tuple[Rule, ...] = (
    ranges,
    parallel_trials,
    strategies,
    tuned_values_unused,
    search_parts,
)
