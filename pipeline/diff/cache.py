"""Decide which steps can still be reused after a change, and why others run again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.check.document import CheckedDefinition
from pipeline.check.functions import function_name, reference_parts
from pipeline.definition.cache_fields import CACHE_FIELDS, cache_fields
from pipeline.definition.expressions import Part
from pipeline.definition.node import Node
from pipeline.definition.steps import WrittenStep
from pipeline.diff.values import Change, changes

# These run each time and mostly answer the same; only a run shows whether one does not.
_ANSWERING = ("Lambda", "Callback", "Condition")

Outcome = Literal["kept", "lost", "always"]


@dataclass(frozen=True)
class CacheEffect:
    """A change's effect on a step's cache: kept, lost, or never there (always runs)."""

    step: str
    outcome: Outcome
    reasons: tuple[str, ...] = ()


def cache_effects(old: CheckedDefinition, new: CheckedDefinition) -> tuple[CacheEffect, ...]:
    """Return one effect for every step of the new definition that can be cached, in its order."""
    comparison = _CacheComparison(old, new)
    steps = [step for step in new.steps if step.type in CACHE_FIELDS]
    return tuple(comparison.effect(step) for step in steps)


@dataclass(frozen=True)
class _CacheComparison:
    old: CheckedDefinition
    new: CheckedDefinition
    effects: dict[str, CacheEffect] = field(default_factory=dict)

    def effect(self, step: WrittenStep) -> CacheEffect:
        if step.name not in self.effects:
            # A cycle ends here; the check of the definition says that there is one.
            self.effects[step.name] = CacheEffect(step.name, "kept")
            self.effects[step.name] = self._effect(step)
        return self.effects[step.name]

    def _effect(self, step: WrittenStep) -> CacheEffect:
        before = self.old.step(step.name)
        if changing := sorted(set(self._run_variables(step))):
            reasons = [f"{name} is new in each run" for name in changing]
            return CacheEffect(step.name, "always", tuple(reasons))
        if found := _caching_changed(before, step):
            return found
        own = [change.text() for change in self._own_changes(before, step)] if before else []
        sources = self._sources(step)
        inherited = [self._inherited_reason(*source) for source in sources]
        reasons = [*own, *inherited]
        if own or any(self._outcome_of(self.new.step(name)) == "lost" for name, _, _ in sources):
            return CacheEffect(step.name, "lost", tuple(reasons))
        return CacheEffect(step.name, "always" if inherited else "kept", tuple(reasons))

    def _own_changes(self, before: WrittenStep, after: WrittenStep) -> Iterator[Change]:
        old, new = (_fields(step) for step in (before, after))
        return changes(_with_defaults(self.old, old), _with_defaults(self.new, new))

    def _run_variables(self, step: WrittenStep) -> Iterator[str]:
        for node in _cache_nodes(step):
            match reference_parts(node):
                case ("Execution", str(name)) if name != "PipelineName":
                    yield f"Execution.{name}"

    def _sources(self, step: WrittenStep) -> list[tuple[str, str, list[str]]]:
        """List the steps before that run again: (step, kind of property, their names)."""
        found: dict[tuple[str, str], list[str]] = {}
        for node in _cache_nodes(step):
            match reference_parts(node):
                case ("Steps", str(name), *rest):
                    source = self.new.step(name)
                    if (
                        source
                        and self._outcome_of(source) != "kept"
                        and self._may_change(source, rest)
                    ):
                        kind, properties = _property_words(rest)
                        found.setdefault((name, kind), []).append(properties)
        return [(*key, list(dict.fromkeys(names))) for key, names in found.items()]

    def _inherited_reason(self, name: str, kind: str, properties: list[str]) -> str:
        lost = self._outcome_of(self.new.step(name)) == "lost"
        when = "again" if lost else "each time"
        return f"{name} runs {when}, which changes {kind} {', '.join(properties)}"

    def _outcome_of(self, step: WrittenStep | None) -> Outcome:
        if step is None or step.type in _ANSWERING:
            return "kept"
        return self.effect(step).outcome if step.type in CACHE_FIELDS else "always"

    def _may_change(self, source: WrittenStep, rest: list[Part]) -> bool:
        """Check whether a property may be another one after the step has run again."""
        match rest:
            case ["ProcessingOutputConfig", "Outputs", name, "S3Output", "S3Uri"]:
                outputs = source.arguments.at("ProcessingOutputConfig", "Outputs").items()
                named = [output for output in outputs if output["OutputName"].value == name]
                uris = [output["S3Output"]["S3Uri"] for output in named]
                return not uris or any(self._differs_in_each_run(uri) for uri in uris)
        return True

    def _differs_in_each_run(self, uri: Node) -> bool:
        for node in uri.walk():
            match reference_parts(node):
                case ("Execution", name) if name != "PipelineName":
                    return True
                case ("Steps", str(name), *_) if self._outcome_of(self.new.step(name)) != "kept":
                    return True
        return False


def _caching_changed(before: WrittenStep | None, step: WrittenStep) -> CacheEffect | None:
    """Return the effect on a step whose cache is off or was not there; None for any other."""
    had_cache = before is not None and _is_cached(before)
    if not _is_cached(step):
        if had_cache:
            return CacheEffect(step.name, "lost", ("its caching is switched off",))
        return CacheEffect(step.name, "always", ("it is not cached",))
    if before is None or before.type != step.type:
        return CacheEffect(step.name, "lost", ("the step is new",))
    return None if had_cache else CacheEffect(step.name, "lost", ("it was not cached until now",))


def _is_cached(step: WrittenStep) -> bool:
    return step.type in CACHE_FIELDS and step.node["CacheConfig"]["Enabled"].value is True


def _fields(step: WrittenStep) -> dict[str, Any]:
    arguments = step.arguments.value
    return cache_fields(step.type, arguments if isinstance(arguments, dict) else {})


def _cache_nodes(step: WrittenStep) -> Iterator[Node]:
    return Node(_fields(step)).walk()


def _with_defaults(document: CheckedDefinition, value: Any) -> Any:
    """Replace the parameters in a value by their defaults, where they have some."""
    if function_name(value) == "Get":
        match reference_parts(Node(value)):
            case ("Parameters", str(name)):
                default = document.parameters.get(name, Node())["DefaultValue"].value
                return value if default is None else default
        return value
    if isinstance(value, Mapping):
        return {key: _with_defaults(document, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_defaults(document, inner) for inner in value]
    return value


def _property_words(rest: list[Part]) -> tuple[str, str]:
    """Tell what a reference takes from a step: its kind and its name."""
    match rest:
        case ["ProcessingOutputConfig", "Outputs", name, *_]:
            return "the address of its output", repr(name)
        case ["ModelArtifacts", *_]:
            return "the address of its", "model"
        case ["PropertyFiles", name]:
            return "its property file", repr(name)
        case [*_, "TunedHyperParameters", name]:
            return "the best", str(name)
    return "its", ".".join(map(str, rest))
