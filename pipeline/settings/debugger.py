"""Define the `debugger` settings: what is saved of the final training, and which rules judge it."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from pipeline.job_scripts.debugger_rules import rule_names, rule_parameters
from pipeline.settings.forms import OneOf, Section
from pipeline.suggestions import suggest

RuleName = Annotated[str, OneOf(rule_names)]
# What smdebug's PyTorch hook knows without being told which tensors belong to it.
BUILT_IN_COLLECTIONS = ("all", "biases", "default", "gradients", "losses", "weights")
_MODES = ("TRAIN", "EVAL", "PREDICT", "GLOBAL")


class Collection(Section):
    """Tensors to save: those whose names match; a name that smdebug knows needs no pattern."""

    include_regex: str | None = None
    save_interval: Annotated[int, Field(ge=1)] | None = None


class DebugRule(Section):
    """A rule and the parameters that differ from AWS's defaults, as text."""

    name: RuleName
    parameters: dict[str, str] = Field(default_factory=dict)


def _one_rule(value: Any) -> Any:
    """Turn `Overfit` or `Overfit: {patience: 10}` into the fields of a DebugRule."""
    if isinstance(value, str):
        return {"name": value}
    if not isinstance(value, dict) or len(value) != 1:
        raise _problem("a rule is a name, or {name: {parameter: value}}")
    ((name, parameters),) = value.items()
    if not isinstance(parameters, dict | None):
        raise _problem(f"{name} needs its parameters as {{parameter: value}}")
    given = parameters or {}
    return {"name": name, "parameters": {str(k): _parameter(name, k, given[k]) for k in given}}


def _parameter(rule: str, name: Any, value: object) -> str:
    if rule not in rule_names():
        return str(value)  # the rule's name is refused by its own type
    known = rule_parameters(rule)
    if name not in known:
        raise _problem(f"{rule} has no parameter {name!r}; {suggest(str(name), tuple(known))}")
    if isinstance(known[name], bool):
        fits = isinstance(value, bool)
    elif name == "mode":
        fits = value in _MODES
    elif isinstance(known[name], int | float):
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    else:
        fits = isinstance(value, str)
        if str(name).endswith("regex"):
            for pattern in str(value).split(","):  # as AWS takes several
                _compile(pattern, f"{rule}.{name}")
    if not fits:
        raise _problem(f"{rule}.{name} cannot be {value!r}")
    return str(value)


def _distinct(rules: tuple[DebugRule, ...]) -> tuple[DebugRule, ...]:
    names = [rule.name for rule in rules]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise _problem(f"{twice} is there twice")
    return rules


def _patterns_work(collections: dict[str, Collection]) -> dict[str, Collection]:
    for name, collection in collections.items():
        if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}", name) is None:
            raise _problem(f"{name!r} is no collection's name: letters, digits, _, and - inside")
        if collection.include_regex is None and name not in BUILT_IN_COLLECTIONS:
            raise _problem(f"{name} needs an include_regex; {suggest(name, BUILT_IN_COLLECTIONS)}")
        _compile(collection.include_regex or "", f"{name}.include_regex")
    return collections


def _compile(pattern: str, place: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise _problem(f"{place} is no regular expression: {error}") from None


def _problem(text: str) -> PydanticCustomError:
    return PydanticCustomError("said", "{text}", {"text": text})


class Debugger(Section):
    """What is saved of the final training while it runs, and the rules that look at it.

    With `embedded` the training job saves and judges by itself; `service` is SageMaker Debugger,
    which takes no new customers since 2026-07-30. `stop_training_on` names rules of `rules`.
    """

    mode: Literal["embedded", "service", "off"]
    save_interval: Annotated[int, Field(ge=1)]
    rules: Annotated[
        tuple[Annotated[DebugRule, BeforeValidator(_one_rule)], ...],
        Field(strict=False, max_length=20),
        AfterValidator(_distinct),
    ]
    stop_training_on: Annotated[tuple[RuleName, ...], Field(strict=False)] = ()
    collections: Annotated[
        dict[str, Collection], Field(max_length=12), AfterValidator(_patterns_work)
    ] = Field(default_factory=dict)
    profile: bool = True

    def chosen(self, names: tuple[RuleName, ...]) -> tuple[DebugRule, ...]:
        """Return the rules that have one of these names."""
        return tuple(rule for rule in self.rules if rule.name in names)
