"""Render infra/template.yaml as CloudFormation would, and list what it would make, offline."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.bootstrap.stack_parameters import Foundation, names_of
from pipeline.bootstrap.template import load_template
from pipeline.bootstrap.values import check_rules

_NAMES = (
    "BucketName",
    "RoleName",
    "ModelPackageGroupName",
    "FunctionName",
    "QueueName",
    "AlarmName",
    "LogGroupName",
    "RepositoryName",
    "TopicName",
    "Name",
)
_OF_OTHERS = (
    "AWS::IAM::RolePolicy",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Permission",
    "AWS::SNS::TopicPolicy",
)


@dataclass(frozen=True)
class Planned:
    """A resource that the stack would make; `name` is empty for what only belongs to another."""

    resource: str
    kind: str
    name: str


@dataclass(frozen=True)
class Template:
    """The template for these parameters; what they leave out has its default.

    `pseudo` are CloudFormation's own: AWS::Region and its like.
    """

    body: Mapping[str, Any]
    parameters: Mapping[str, Any]
    pseudo: Mapping[str, Any]

    @classmethod
    def load(
        cls, path: Path, parameters: Mapping[str, str], pseudo: Mapping[str, Any]
    ) -> "Template":
        """Read the template and give its parameters their values."""
        body = load_template(path)
        declared = body["Parameters"]
        defaults = {name: one["Default"] for name, one in declared.items() if "Default" in one}
        values: dict[str, Any] = {**defaults, **parameters}
        for name, one in declared.items():
            if one["Type"] == "CommaDelimitedList":
                values[name] = str(values[name]).split(",")
        return cls(body, values, {"AWS::NoValue": None, **pseudo})

    def resources(self, kind: str | None = None) -> dict[str, dict[str, Any]]:
        """Return the properties, resolved, of the resources that are made."""
        return {
            name: self.resolve(one["Properties"])
            for name, one in self.body["Resources"].items()
            if kind in (None, one["Type"]) and self._is_made(one)
        }

    def resolve(self, value: Any) -> Any:
        """Return a value with its functions replaced; a Ref to a resource gives its logical id."""
        if isinstance(value, list):
            return [one for one in map(self.resolve, value) if one is not None]
        if not isinstance(value, dict):
            return value
        function, argument = next(iter(value.items()), ("", None))
        if len(value) == 1 and (function == "Ref" or function.startswith("Fn::")):
            return self._call(function, argument)
        resolved = {name: self.resolve(one) for name, one in value.items()}
        return {name: one for name, one in resolved.items() if one is not None}

    def _call(self, function: str, argument: Any) -> Any:
        calls: dict[str, Callable[[], Any]] = {
            "Ref": lambda: self._ref(argument),
            "Fn::Sub": lambda: re.sub(
                r"\$\{([\w:]+)\}", lambda found: str(self._ref(found[1])), argument
            ),
            "Fn::If": lambda: self.resolve(argument[1 if self.holds(argument[0]) else 2]),
            "Fn::GetAtt": lambda: f"GetAtt {'.'.join(argument)}",
            "Fn::Select": lambda: self.resolve(argument[1])[int(argument[0])],
            "Fn::Join": lambda: argument[0].join(self.resolve(argument[1])),
        }
        return calls[function]()

    def _ref(self, name: str) -> Any:
        if name in self.pseudo:
            return self.pseudo[name]
        return self.parameters.get(name, name)

    def _is_made(self, resource: Mapping[str, Any]) -> bool:
        return "Condition" not in resource or self.holds(resource["Condition"])

    def holds(self, condition: Any) -> bool:
        """Check whether a condition is true for these parameters."""
        if isinstance(condition, str):
            condition = self.body["Conditions"][condition]
        ((function, argument),) = condition.items()
        if function == "Condition":
            return self.holds(argument)
        if function == "Fn::Not":
            return not self.holds(argument[0])
        if function in ("Fn::And", "Fn::Or"):
            return {"Fn::And": all, "Fn::Or": any}[function](self.holds(one) for one in argument)
        left, right = self.resolve(argument)
        return str(left) == str(right)


def planned(
    wanted: Foundation, path: Path, found: Mapping[str, str] | None = None
) -> Iterator[Planned]:
    """Yield what the stack would make in an account that holds nothing of it.

    `found` are parameters that follow from the account: a group that exists is not made. Raises
    UsageError for parameters that do not go together.
    """
    settings = wanted.settings
    pseudo = {
        "AWS::Partition": settings.partition,
        "AWS::Region": settings.aws.region,
        "AWS::AccountId": settings.aws.account_id,
    }
    template = Template.load(path, {**names_of(wanted), **wanted.free, **(found or {})}, pseudo)
    check_rules(template.body, template.holds)
    kinds = template.body["Resources"]
    for resource, properties in template.resources().items():
        kind = kinds[resource]["Type"]
        names = (properties[one] for one in _NAMES if one in properties)
        yield Planned(resource, kind, "" if kind in _OF_OTHERS else next(names, ""))
