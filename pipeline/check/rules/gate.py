"""Check the gate: only what passed is published, and what passed is what was measured."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.check.document import CheckedDefinition
from pipeline.check.findings import Problem
from pipeline.check.functions import function_name, json_path, known_value, reference_parts
from pipeline.check.graph import all_needs, direct_needs, steps_referred_to, uses_of
from pipeline.check.jobs import bundled_script
from pipeline.check.rules.metrics import direction
from pipeline.check.rules.rule import Rule, rule
from pipeline.definition.expressions import Part
from pipeline.definition.node import Node, is_number, shown
from pipeline.definition.steps import WrittenStep
from pipeline.job_scripts.interface import ANY_KEY
from pipeline.suggestions import suggest

_PUBLISHING = ("RegisterModel", "EndpointConfig", "Endpoint")
_MODELS = ("RegisterModel", "Model", "Training", "Tuning", "EndpointConfig", "Endpoint")

_SHARES = ("accuracy", "f1", "auc", "recall", "precision")
_GREATER = ("GreaterThan", "GreaterThanOrEqualTo")
_LESS = ("LessThan", "LessThanOrEqualTo")


@rule("not-behind-gate", accepted=True)
def not_behind_gate(document: CheckedDefinition) -> Iterator[Problem]:
    """Report steps that publish a model, or wait for the gate, whatever the gate decides."""
    gates = {step.name for step in document.of_type("Condition")}
    needs = direct_needs(document)
    before_a_gate = frozenset[str]().union(*(all_needs(needs, gate) for gate in gates))
    for step in document.steps:
        if not gates or step.branches or step.name in before_a_gate or step.type == "Condition":
            continue
        waits = [name for name, _ in uses_of(document, step) if name in gates]
        if waits or _publishes(document, step):
            gate = (waits or sorted(gates))[0]
            what = f"step {step.name} runs whatever {gate} decides"
            yield Problem(step.node.path, what, f"move it into the IfSteps of {gate}")


@rule("gate-inverted", accepted=True)
def gate_inverted(document: CheckedDefinition) -> Iterator[Problem]:
    """Report gates that publish a model when its metric is on the bad side."""
    for gate in document.of_type("Condition"):
        published = _published_when(document, gate)
        for comparison, passes in _comparisons(gate.arguments["Conditions"], True):
            good = _true_means_good(comparison)
            if good is not None and published == {good != passes}:
                what = "a model is published when this comparison finds it bad"
                mend = "turn the comparison round, or swap IfSteps and ElseSteps"
                yield Problem(comparison.path, what, mend)


@rule("threshold", accepted=True)
def thresholds(document: CheckedDefinition) -> Iterator[Problem]:
    """Report a share, such as an accuracy, compared with a number not between 0 and 1."""
    for gate in document.of_type("Condition"):
        for comparison, _ in _comparisons(gate.arguments["Conditions"], True):
            for metric, limit in _sides(comparison):
                name, value = _metric_name(metric), known_value(document, limit)
                is_share = any(word in name.lower() for word in _SHARES)
                if is_share and is_number(value) and not 0 <= value <= 1:
                    what = f"{name} lies between 0 and 1; it is compared with {value}"
                    yield Problem(limit.path, what, "give a share, such as 0.8")


@rule("blind-gate", accepted=True)
def blind_gates(document: CheckedDefinition) -> Iterator[Problem]:
    """Report comparisons, and gates before a model, that look at no step's result.

    Switches, such as a parameter that Equals "yes", may stand beside a measurement.
    """
    for gate in document.of_type("Condition"):
        conditions = gate.arguments["Conditions"]
        for comparison, _ in _comparisons(conditions, True):
            weighs = comparison["Type"].text in (*_GREATER, *_LESS)
            fixed = all(not reference_parts(node) for node in comparison.walk())
            if comparison.exists and (fixed or weighs) and not _looks(comparison):
                what = "this comparison does not look at the result of any step"
                yield Problem(comparison.path, what, "compare what a step measured")
        if _published_when(document, gate) and not _looks(conditions):
            what = "a model is published without a look at the result of any step"
            yield Problem(conditions.path, what, "compare a metric that a step measured")


@rule("json-path")
def json_paths(document: CheckedDefinition) -> Iterator[Problem]:
    """Report a Std:JsonGet's path that is not in the file that the script writes."""
    for step in document.steps:
        for node in step.own_nodes():
            get = node["Std:JsonGet"]
            if function_name(node.value) != "Std:JsonGet":
                continue
            sample, file = _sample(document, get)
            path = json_path(get)
            if sample is not None and path is not None:
                yield from _follow(sample, path, get["Path"], file)


@rule("not-the-measured-model", accepted=True)
def not_the_measured_model(document: CheckedDefinition) -> Iterator[Problem]:
    """Report registering a model that the gate's measurement never saw."""
    needs = direct_needs(document)
    for step in document.of_type("RegisterModel"):
        measured = _seen_by_gates(document, needs, step)
        containers = step.arguments.at("InferenceSpecification", "Containers").items()
        for container in containers:
            for name, node in steps_referred_to(container["ModelDataUrl"]):
                if measured and name not in measured and document.step(name):
                    what = f"the model comes from step {name}, which the gate has not measured"
                    yield Problem(node.path, what, "register the model that was evaluated")


def _looks(node: Node) -> bool:
    """Check whether a value depends on a step, or on a file that a run has written to S3."""
    return any(True for _ in steps_referred_to(node)) or any(
        function_name(inner.value) == "Std:JsonGet" and inner["Std:JsonGet"]["S3Uri"].exists
        for inner in node.walk()
    )


def _published_when(document: CheckedDefinition, gate: WrittenStep) -> set[bool]:
    """Return the outcomes of a gate after which a model is published."""
    behind = [step for step in document.steps if _publishes(document, step)]
    return {outcome for step in behind for name, outcome in step.branches if name == gate.name}


def _publishes(document: CheckedDefinition, step: WrittenStep) -> bool:
    """Check whether a step publishes a model; a Lambda does when it is given one."""
    if step.type != "Lambda":
        return step.type in _PUBLISHING
    given = [document.step(name) for name, _ in steps_referred_to(step.arguments)]
    return any(other is not None and other.type in _MODELS for other in given)


def _comparisons(conditions: Node, passes: bool) -> Iterator[tuple[Node, bool]]:
    """Yield single comparisons, each with whether it must be true for the whole to be true."""
    for condition in conditions.items():
        if condition["Type"].text == "Not":
            negated = Node([condition["Condition"].value], condition["Condition"].path)
            for comparison, inner in _comparisons(negated, not passes):
                # The list was made here, so its index is no part of the path.
                path = (
                    comparison.path[: len(negated.path)] + comparison.path[len(negated.path) + 1 :]
                )
                yield Node(comparison.value, path), inner
        elif condition["Type"].text == "Or":
            yield from _comparisons(condition["Conditions"], passes)
        else:
            yield condition, passes


def _sides(comparison: Node) -> list[tuple[Node, Node]]:
    """Return (metric, limit) for each side that is read from a property file."""
    left, right = comparison["LeftValue"], comparison["RightValue"]
    pairs = [(left, right), (right, left)]
    return [pair for pair in pairs if function_name(pair[0].value) == "Std:JsonGet"]


def _true_means_good(comparison: Node) -> bool | None:
    for metric, _ in _sides(comparison):
        better = direction(_metric_name(metric))
        on_left = metric.key == "LeftValue"
        kind = comparison["Type"].text
        if better and kind in (*_GREATER, *_LESS):
            high = (kind in _GREATER) == on_left
            return high == (better == "higher")
    return None


def _metric_name(metric: Node) -> str:
    return metric["Std:JsonGet"]["Path"].text or ""


def _sample(document: CheckedDefinition, get: Node) -> tuple[Any, str]:
    """Return sample content of the property file that a JsonGet reads, and the file's name."""
    match reference_parts(get["PropertyFile"]):
        case ("Steps", str(name), "PropertyFiles", str(file)) if step := document.step(name):
            script = document.scripts.get(bundled_script(step) or "")
            for declared in step.node["PropertyFiles"].items():
                path = declared["FilePath"].text
                if script and path and declared["PropertyFileName"].text == file:
                    return (script.files or {}).get(path), path
    return None, ""


def _follow(sample: Any, path: Sequence[Part], node: Node, file: str) -> Iterator[Problem]:
    for part in path:
        if isinstance(sample, Mapping) and (part in sample or ANY_KEY in sample):
            sample = sample[part] if part in sample else sample[ANY_KEY]
        elif isinstance(sample, list) and isinstance(part, int):
            sample = sample[0]
        else:
            known = [str(key) for key in sample] if isinstance(sample, Mapping) else []
            what = f"{file} has no {shown(part)} in the path {node.text!r}"
            yield Problem(node.path, what, suggest(str(part), known, "use a path that it has"))
            return
    if isinstance(sample, Mapping | list):
        what = f"{node.text!r} leads to more than one value of {file}"
        yield Problem(node.path, what, "go on to a single value")


def _seen_by_gates(
    document: CheckedDefinition, needs: Mapping[str, Any], step: WrittenStep
) -> frozenset[str]:
    conditions = [name for name, _ in step.branches]
    return frozenset[str]().union(*(all_needs(needs, name) for name in conditions))


RULES: tuple[Rule, ...] = (
    not_behind_gate,
    gate_inverted,
    thresholds,
    blind_gates,
    json_paths,
    not_the_measured_model,
)
