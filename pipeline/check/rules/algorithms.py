"""Check the hyperparameters and the objective that SageMaker's XGBoost is given."""

from collections.abc import Iterator

from pipeline.check.algorithms import (
    HYPERPARAMETERS,
    METRICS,
    OF_CLASSES,
    TUNABLE,
    is_metric,
    is_xgboost,
)
from pipeline.check.document import CheckedDefinition
from pipeline.check.findings import Problem
from pipeline.check.functions import known_value
from pipeline.check.jobs import plain_text, searches
from pipeline.check.rules.rule import Rule, rule
from pipeline.definition.node import Node, shown
from pipeline.suggestions import suggest

_SCRIPT = ("sagemaker_program", "SAGEMAKER_PROGRAM")  # a hyperparameter, or in the environment


@rule("algorithm-hyperparameter")
def hyperparameters(document: CheckedDefinition) -> Iterator[Problem]:
    """Report hyperparameters that XGBoost does not take, cannot use, or lacks."""
    for fixed, ranges, _ in _jobs(document):
        given = {name: _text(document, node) for name, node in fixed.members()}
        for name, node in fixed.members():
            yield from _value_problems(name, node, given[name], node)
        items = _items(ranges)
        for item in items:
            name = item["Name"].text or ""
            for value in (item["MinValue"], item["MaxValue"], *item["Values"].items()):
                yield from _value_problems(name, item["Name"], _text(document, value), value)
        names = {*given, *(item["Name"].text for item in items)}
        yield from _missing(fixed, given, names)
        yield from _metric_problems(fixed["eval_metric"], given)


@rule("algorithm-objective")
def objectives(document: CheckedDefinition) -> Iterator[Problem]:
    """Report tuning for a metric that XGBoost does not compute."""
    known = [f"validation:{name}" for name in METRICS]
    for _, _, objective in _jobs(document):
        name = objective["MetricName"]
        if name.text is not None and name.text not in known:
            what = f"XGBoost computes no metric {name.text!r}"
            yield Problem(name.path, what, suggest(name.text, known, "write validation:<metric>"))


@rule("algorithm-tunable", "warning")
def tunable(document: CheckedDefinition) -> Iterator[Problem]:
    """Report ranges of hyperparameters that AWS does not let XGBoost tune, with a script neither.

    AWS's own list; what else the service takes is not published.
    """
    searched = [one for step in document.of_type("Tuning") for one in searches(step)]
    for job, ranges in searched:
        if _has_image(document, job):
            for item in _items(ranges):
                name = item["Name"]
                if name.text is not None and name.text not in TUNABLE:
                    what = f"{name.text!r} is not among the hyperparameters that XGBoost tunes"
                    yield Problem(name.path, what, suggest(name.text, TUNABLE, "give it a value"))


def _jobs(document: CheckedDefinition) -> Iterator[tuple[Node, list[Node], Node]]:
    """Yield what trains by XGBoost alone: fixed hyperparameters, ranges, tuning's objective."""
    for step in document.of_type("Training"):
        if _is_xgboost(document, step.arguments, step.arguments["HyperParameters"]):
            yield step.arguments["HyperParameters"], [], Node()
    for step in document.of_type("Tuning"):
        config = step.arguments["HyperParameterTuningJobConfig"]
        for job, ranges in searches(step):
            if _is_xgboost(document, job, job["StaticHyperParameters"]):
                own = job["TuningObjective"]
                whole = config["HyperParameterTuningJobObjective"]
                yield job["StaticHyperParameters"], ranges, own if own.exists else whole


def _is_xgboost(document: CheckedDefinition, job: Node, fixed: Node) -> bool:
    channels = [channel["ChannelName"].text for channel in job["InputDataConfig"].items()]
    script = any(place[name].exists for place in (fixed, job["Environment"]) for name in _SCRIPT)
    return _has_image(document, job) and not script and "code" not in channels


def _has_image(document: CheckedDefinition, job: Node) -> bool:
    image = known_value(document, job["AlgorithmSpecification"]["TrainingImage"])
    return isinstance(image, str) and is_xgboost(image)


def _items(ranges: list[Node]) -> list[Node]:
    return [item for found in ranges for _, kind in found.members() for item in kind.items()]


def _value_problems(name: str, place: Node, text: str | None, value: Node) -> Iterator[Problem]:
    known = HYPERPARAMETERS.get(name)
    if known is None:
        what = f"XGBoost takes no hyperparameter {name!r}"
        yield Problem(place.path, what, suggest(name, list(HYPERPARAMETERS), "remove it"))
    elif text is not None and (wanted := known.fault(text)):
        yield Problem(value.path, f"XGBoost's {name} cannot be {shown(text)}", f"give {wanted}")


def _missing(
    fixed: Node, given: dict[str, str | None], names: set[str | None]
) -> Iterator[Problem]:
    if "num_round" not in names:
        yield Problem(fixed.path, "XGBoost needs the hyperparameter 'num_round'", "add it")
    if given.get("objective") in OF_CLASSES and "num_class" not in names:
        what = f"the objective {given['objective']} needs the hyperparameter 'num_class'"
        yield Problem(fixed.path, what, "add it")


def _metric_problems(node: Node, given: dict[str, str | None]) -> Iterator[Problem]:
    told, objective = given.get("eval_metric"), given.get("objective")
    words = [] if told is None else told.split(",")
    for word in words:
        if not is_metric(word):
            what = f"XGBoost computes no metric {word!r}"
            yield Problem(node.path, what, suggest(word, list(METRICS), "remove it"))
    if "auc" in words and objective and not objective.startswith(("binary:", "rank:")):
        what = f"the metric auc does not go with the objective {objective}"
        yield Problem(node.path, what, "choose a metric of that objective, such as rmse")


def _text(document: CheckedDefinition, node: Node) -> str | None:
    """Return a hyperparameter's value as far as it is known before a run."""
    value = known_value(document, node)
    return plain_text(Node(value)) if isinstance(value, str) else None


RULES: tuple[Rule, ...] = (hyperparameters, objectives, tunable)
