"""Compare two definitions by meaning, step by step and field by field."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.check.document import CheckedDefinition, read_document
from pipeline.command_line.documents import json_text, members_of
from pipeline.definition.node import one_line
from pipeline.definition.steps import BRANCHES, WrittenStep
from pipeline.diff.cache import CacheEffect, cache_effects
from pipeline.diff.values import Change, changes, without

_MARKS = {"added": "+", "removed": "-", "changed": "~", "renamed": ">"}


@dataclass(frozen=True)
class StepDiff:
    """A step that differs; `old_name` is set when it was only renamed."""

    name: str
    type: str
    kind: Literal["added", "removed", "changed", "renamed"]
    changes: tuple[Change, ...] = ()
    old_name: str = ""


@dataclass(frozen=True)
class DefinitionDiff:
    """Every difference of two definitions, and its effect on each step that can be cached."""

    parameters: tuple[Change, ...]
    steps: tuple[StepDiff, ...]
    other: tuple[Change, ...]
    cache: tuple[CacheEffect, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the two definitions mean the same."""
        return not (self.parameters or self.steps or self.other)


def diff_definitions(old: Mapping[str, Any], new: Mapping[str, Any]) -> DefinitionDiff:
    """Compare an old definition with a new one.

    Steps and elements of lists are matched by name, and their order only counts where SageMaker
    looks at it. Neither has to be valid.
    """
    before, after = read_document(dict(old)), read_document(dict(new))
    sections = ("Parameters", "Steps")
    return DefinitionDiff(
        parameters=_parameter_changes(old.get("Parameters"), new.get("Parameters")),
        steps=tuple(_step_diffs(before, after)),
        other=tuple(changes(without(old, sections), without(new, sections))),
        cache=cache_effects(before, after),
    )


def diff_text(diff: DefinitionDiff, monitoring: DefinitionDiff | None = None) -> str:
    """Format a diff for people, and that of the monitoring pipeline if there is one."""
    text = _text(diff)
    return text if monitoring is None else f"{text}\nmonitoring pipeline:\n{_text(monitoring)}"


def _text(diff: DefinitionDiff) -> str:
    """Format parameters, steps, and the cache."""
    if diff.is_empty:
        return "no differences"
    lines = [f"{_MARKS[change.kind]} {change.text()}" for change in (*diff.other, *diff.parameters)]
    for step in diff.steps:
        was = f" (was {step.old_name})" if step.old_name else ""
        lines.append(f"{_MARKS[step.kind]} {step.type} step {step.name}{was}")
        lines.extend(f"    {_MARKS[change.kind]} {change.text()}" for change in step.changes)
    return "\n".join(map(one_line, [*lines, *_cache_lines(diff.cache)]))


def diff_json(diff: DefinitionDiff, monitoring: DefinitionDiff | None = None) -> str:
    """Format a diff as JSON: {"empty", "parameters", "steps", "other", "cache", "monitoring"}.

    Each change is {path, kind, old, new}; "empty": nothing differs in either pipeline.
    """
    empty = diff.is_empty and (monitoring is None or monitoring.is_empty)
    return json_text({"empty": empty, **members_of(diff), "monitoring": monitoring})


def _cache_lines(effects: tuple[CacheEffect, ...]) -> Iterator[str]:
    words = {"lost": "runs again", "always": "runs each time"}
    for effect in effects:
        if effect.outcome in words:
            yield f"cache: {effect.step} {words[effect.outcome]}"
            yield from (f"    {reason}" for reason in effect.reasons)
    if kept := [effect.step for effect in effects if effect.outcome == "kept"]:
        yield f"cache: kept by {', '.join(kept)}"


def _parameter_changes(old: Any, new: Any) -> tuple[Change, ...]:
    before = old if isinstance(old, list) else []
    after = new if isinstance(new, list) else []
    return tuple(changes(before, after, "Parameters", "Parameters"))


def _step_diffs(before: CheckedDefinition, after: CheckedDefinition) -> Iterator[StepDiff]:
    old = {step.name: step for step in before.steps}
    new = {step.name: step for step in after.steps}
    renamed = _renamed(old, new)
    for name, step in new.items():
        if name in renamed:
            yield StepDiff(name, step.type, "renamed", old_name=renamed[name])
        elif name not in old:
            yield StepDiff(name, step.type, "added")
        elif found := tuple(changes(_content(old[name]), _content(step))):
            yield StepDiff(name, step.type, "changed", found)
    for name, step in old.items():
        if name not in new and name not in renamed.values():
            yield StepDiff(name, step.type, "removed")


def _renamed(old: Mapping[str, WrittenStep], new: Mapping[str, WrittenStep]) -> dict[str, str]:
    """Map new names to old ones, for steps that are otherwise the same."""
    gone = [step for name, step in old.items() if name not in new]
    found: dict[str, str] = {}
    for name, step in new.items():
        same = [one.name for one in gone if _content(one) == _content(step)]
        if name not in old and len(same) == 1 and same[0] not in found.values():
            found[name] = same[0]
    return found


def _content(step: WrittenStep) -> dict[str, Any]:
    """Return a step without its name; a condition also without the steps behind it."""
    body = step.node.value if isinstance(step.node.value, dict) else {}
    content = without(body, ("Name",))
    if step.type == "Condition" and isinstance(content.get("Arguments"), dict):
        content["Arguments"] = without(content["Arguments"], tuple(BRANCHES))
    if step.branches:
        content["runs when"] = " and ".join(
            f"{name} is {str(outcome).lower()}" for name, outcome in step.branches
        )
    return content
