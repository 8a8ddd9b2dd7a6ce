"""Check parameters against what infra/template.yaml declares, as CloudFormation would, offline."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.errors import UsageError


def check_values(template: Mapping[str, Any], given: Mapping[str, str]) -> None:
    """Raise UsageError for a value that the template does not take."""
    for name, value in given.items():
        if wanted := _wanted(template["Parameters"][name], value):
            raise UsageError(f"the stack's parameter {name}: {value!r} must be {wanted}")


def check_rules(template: Mapping[str, Any], holds: Callable[[Any], bool]) -> None:
    """Raise UsageError for values that do not go together; `holds` judges a condition."""
    for rule in template.get("Rules", {}).values():
        for one in rule["Assertions"] if holds(rule["RuleCondition"]) else ():
            if not holds(one["Assert"]):
                raise UsageError(f"the stack's parameters: {one['AssertDescription']}")


def _wanted(declared: Mapping[str, Any], value: str) -> str:
    """Say what a value must be; nothing when it will do."""
    if (choices := list(map(str, declared.get("AllowedValues", ())))) and value not in choices:
        return f"one of {', '.join(choices)}"
    if len(value) > declared.get("MaxLength", len(value)):
        return f"at most {declared['MaxLength']} characters long"
    pattern = declared.get("AllowedPattern")
    if pattern and re.fullmatch(pattern, value) is None:
        return f"of the form {pattern}"
    return _wanted_number(declared, value) if declared["Type"] == "Number" else ""


def _wanted_number(declared: Mapping[str, Any], value: str) -> str:
    if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value) is None:
        return "a number"
    if float(value) < declared.get("MinValue", float(value)):
        return f"at least {declared['MinValue']}"
    if float(value) > declared.get("MaxValue", float(value)):
        return f"at most {declared['MaxValue']}"
    return ""
