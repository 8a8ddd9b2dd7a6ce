"""Whether IAM would allow a call: what the table of calls (aws_calls.json) is held against.

As docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html has it for one
account without boundaries: an explicit Deny wins; else one Allow, in the role's policies or in the
resource's, is enough. Only what the template uses is known here; anything else is a KeyError.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

Statement = Mapping[str, Any]
Values = list[str]


@dataclass(frozen=True)
class Call:
    """One request: who makes it, of what, and what IAM is told about it besides."""

    principal: str
    action: str
    resource: str
    context: Mapping[str, str | Values] = field(default_factory=dict)

    def values(self, key: str) -> Values | None:
        """Return the values of a condition key, whatever its letters' case; None without one."""
        known = {name.lower(): value for name, value in self.context.items()}
        if account := self.resource.split(":")[4:5]:
            known.setdefault("aws:resourceaccount", account[0])
        value = known.get(key.lower())
        return [value] if isinstance(value, str) else value


def allows(identity: Iterable[Statement], resource: Iterable[Statement], call: Call) -> bool:
    """Decide over a call by the statements of the caller's and of the resource's policies."""
    own = [one for one in identity if _matches(one, call)]
    theirs = [one for one in resource if _is_principal(one, call) and _matches(one, call)]
    effects = {one["Effect"] for one in (*own, *theirs)}
    return effects == {"Allow"}


def _matches(statement: Statement, call: Call) -> bool:
    actions = (one.lower() for one in _listed(statement["Action"]))
    if not any(_like(call.action.lower(), one) for one in actions):
        return False
    # A role's trust policy names no resource: it is that of the role.
    resources = _listed(statement.get("Resource", "*"))
    return any(_like(call.resource, one) for one in resources) and _holds(statement, call)


def _is_principal(statement: Statement, call: Call) -> bool:
    who = statement["Principal"]
    return who == "*" or call.principal in _listed(who["Service"])


def _holds(statement: Statement, call: Call) -> bool:
    return all(
        _compare(operator, call.values(key), _listed(wanted))
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    )


def _compare(operator: str, given: Values | None, wanted: Values) -> bool:
    if operator == "Null":
        return (given is None) == (wanted == ["true"])
    name, if_exists, _ = operator.partition("IfExists")
    positive = name.replace("Not", "")
    if given is None:
        return bool(if_exists) or name != positive
    (value,) = given  # a key with many values needs ForAllValues, which the template does not use
    found = any(_COMPARISONS[positive](value, one) for one in wanted)
    return found == (name == positive)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(one, re.escape(one)) for one in text), re.DOTALL)


def _like(value: str, pattern: str) -> bool:
    return _pattern(pattern).fullmatch(value) is not None


_COMPARISONS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": lambda value, wanted: value.lower() == wanted.lower(),
    "NumericLessThan": lambda value, wanted: float(value) < float(wanted),
}


def _listed(value: str | Values) -> Values:
    return [value] if isinstance(value, str) else value
