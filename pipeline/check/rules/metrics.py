"""Check the metrics that SageMaker reads from a job's log, and the one that tuning looks at."""

import re
from collections.abc import Iterator

from pipeline.check.algorithms import is_xgboost
from pipeline.check.document import CheckedDefinition
from pipeline.check.findings import Problem
from pipeline.check.jobs import bundled_script, script_of, searches
from pipeline.check.rules.rule import Rule, rule
from pipeline.definition.node import Node
from pipeline.definition.steps import WrittenStep
from pipeline.service_patterns import compile_quietly
from pipeline.suggestions import suggest

LOWER_IS_BETTER = ("loss", "error", "rmse", "mse", "mae", "shortfall")
HIGHER_IS_BETTER = ("accuracy", "f1", "auc", "recall", "precision", "r2")


@rule("objective-metric")
def objective_metric(document: CheckedDefinition) -> Iterator[Problem]:
    """Report tuning for a metric that no job reports: every trial fails at its end."""
    for step in document.of_type("Tuning"):
        for objective, algorithm in _objectives(step):
            if not objective.exists:
                what = "tuning has no objective"
                yield Problem(objective.path, what, "add HyperParameterTuningJobObjective")
            known = [metric["Name"].text or "" for metric in algorithm["MetricDefinitions"].items()]
            name = objective["MetricName"]
            # Built-in algorithms know their metrics, with a script too; others' are to be defined.
            if is_xgboost(algorithm["TrainingImage"].text or ""):
                continue
            if name.text is not None and (known or script_of(step)) and name.text not in known:
                what = f"the objective {name.text!r} is not among the MetricDefinitions"
                yield Problem(name.path, what, suggest(name.text, known, "define it there"))


@rule("objective-direction", accepted=True)
def objective_direction(document: CheckedDefinition) -> Iterator[Problem]:
    """Report tuning towards the worst value of a metric."""
    for step in document.of_type("Tuning"):
        for objective, _ in _objectives(step):
            better = direction(objective["MetricName"].text or "")
            kind = objective["Type"]
            wrong = {"Maximize": "lower", "Minimize": "higher"}.get(kind.text or "")
            if better and better == wrong:
                what = f"{kind.text} {objective['MetricName'].text}: of it, {better} is better"
                mend = "Minimize" if better == "lower" else "Maximize"
                yield Problem(kind.path, what, f"write {mend}")


@rule("metric-regex", accepted=True)
def metric_regexes(document: CheckedDefinition) -> Iterator[Problem]:
    """Report metric expressions that are invalid, take out no number, or fit no log line."""
    for job, script in _jobs(document):
        lines = _sample_lines(document, script)
        for metric in job.at("AlgorithmSpecification", "MetricDefinitions").items():
            regex = _compiled(metric)
            if regex is None:
                continue
            if isinstance(regex, str):
                yield Problem(metric["Regex"].path, regex, "mend the expression")
            elif regex.groups == 0 or (document.ours and regex.groups > 1):
                what = f"a metric's expression has one group around the number, not {regex.groups}"
                yield Problem(metric["Regex"].path, what, "write name=([0-9.eE+-]+)")
            elif lines and not any(map(regex.search, lines)):
                what = f"{regex.pattern!r} fits nothing that {script} prints"
                yield Problem(metric["Regex"].path, what, f"a line of it: {lines[0]}")


@rule("metric-mixed-up")
def metrics_mixed_up(document: CheckedDefinition) -> Iterator[Problem]:
    """Report metrics that read the same number: an expression fits more than it should."""
    for job, script in _jobs(document):
        lines = _sample_lines(document, script)
        seen: dict[tuple[int, int, int], str] = {}
        for metric in job.at("AlgorithmSpecification", "MetricDefinitions").items():
            name = metric["Name"].text or ""
            for place in _places(_compiled(metric), lines):
                other = seen.setdefault(place, name)
                if other != name:
                    what = f"metrics {other!r} and {name!r} read the same number of {script}'s log"
                    mend = "begin the expressions with \\b"
                    yield Problem(metric["Regex"].path, what, mend)
                    break


def direction(name: str) -> str | None:
    """Return whether "higher" or "lower" is better, by a metric's name; None if it does not say."""
    words = re.split(r"[^a-z0-9]+", name.lower())
    if any(word in LOWER_IS_BETTER for word in words):
        return "lower"
    return "higher" if any(word in HIGHER_IS_BETTER for word in words) else None


def _jobs(document: CheckedDefinition) -> Iterator[tuple[Node, str | None]]:
    """Yield training jobs, each with the script of ours that it runs, if it runs one."""
    for step in document.of_type("Training"):
        yield step.arguments, bundled_script(step)
    for step in document.of_type("Tuning"):
        for job, _ in searches(step):
            yield job, bundled_script(step)


def _sample_lines(document: CheckedDefinition, script: str | None) -> tuple[str, ...]:
    known = document.scripts.get(script or "")
    return known.lines if known else ()


def _objectives(step: WrittenStep) -> Iterator[tuple[Node, Node]]:
    """Yield objectives, each with the algorithm of the job that it is about."""
    config = step.arguments["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    one = step.arguments["TrainingJobDefinition"]
    for job in ([one] if one.exists else []) + step.arguments["TrainingJobDefinitions"].items():
        objective = job["TuningObjective"] if job["TuningObjective"].exists else config
        yield objective, job["AlgorithmSpecification"]


def _compiled(metric: Node) -> re.Pattern[str] | str | None:
    text = metric["Regex"].text
    if text is None:
        return None
    try:
        return compile_quietly(text)
    except (re.error, RecursionError, OverflowError) as error:
        return f"{text!r} is not a regular expression: {error}"


def _places(
    regex: re.Pattern[str] | str | None, lines: tuple[str, ...]
) -> Iterator[tuple[int, int, int]]:
    if isinstance(regex, re.Pattern) and regex.groups == 1:
        for number, line in enumerate(lines):
            for match in regex.finditer(line):
                yield number, *match.span(1)


RULES: tuple[Rule, ...] = (objective_metric, objective_direction, metric_regexes, metrics_mixed_up)
