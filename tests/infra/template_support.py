"""infra/template.yaml as CloudFormation would read it for given parameters."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.bootstrap.stack_parameters import Foundation, names_of
from pipeline.bootstrap.template import load_template
from pipeline.command_line.running import ROOT
from pipeline.settings import Settings, load_settings

PATH = ROOT / "infra" / "template.yaml"
ACCOUNT, REGION = "123456789012", "us-east-1"
_PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::NoValue": None,
}


@dataclass(frozen=True)
class Template:
    """The template for these parameters; what they leave out has its default."""

    body: Mapping[str, Any]
    parameters: Mapping[str, Any]

    @classmethod
    def load(cls, parameters: Mapping[str, str]) -> "Template":
        body = load_template(PATH)
        declared = body["Parameters"]
        defaults = {name: one["Default"] for name, one in declared.items() if "Default" in one}
        values: dict[str, Any] = {**defaults, **parameters}
        assert values.keys() == declared.keys()
        for name, one in declared.items():
            if one["Type"] == "CommaDelimitedList":
                values[name] = str(values[name]).split(",")
        return cls(body, values)

    def resources(self, kind: str | None = None) -> dict[str, dict[str, Any]]:
        """Properties, resolved, of the resources that are made."""
        return {
            name: self.resolve(one["Properties"])
            for name, one in self.body["Resources"].items()
            if kind in (None, one["Type"]) and self._is_made(one)
        }

    def statements(self, role: str | None = None) -> Iterator[dict[str, Any]]:
        """Statements of the roles' policies; lists where YAML may have one or many."""
        roles = self.resources("AWS::IAM::Role")
        for name, properties in roles.items():
            if role in (None, name):
                for policy in properties["Policies"]:
                    yield from map(_listed, policy["PolicyDocument"]["Statement"])
        for properties in self.resources("AWS::IAM::RolePolicy").values():
            if role in (None, properties["RoleName"]):
                yield from map(_listed, properties["PolicyDocument"]["Statement"])

    def resolve(self, value: Any) -> Any:
        """Functions replaced by what they give; a Ref to a resource gives its logical id."""
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
            "Fn::If": lambda: self.resolve(argument[1 if self._holds(argument[0]) else 2]),
            "Fn::GetAtt": lambda: f"GetAtt {'.'.join(argument)}",
            "Fn::Join": lambda: argument[0].join(self.resolve(argument[1])),
        }
        return calls[function]()

    def _ref(self, name: str) -> Any:
        if name in _PSEUDO:
            return _PSEUDO[name]
        return self.parameters.get(name, name)

    def _is_made(self, resource: Mapping[str, Any]) -> bool:
        return "Condition" not in resource or self._holds(resource["Condition"])

    def _holds(self, condition: Any) -> bool:
        if isinstance(condition, str):
            condition = self.body["Conditions"][condition]
        ((function, argument),) = condition.items()
        if function == "Condition":
            return self._holds(argument)
        if function == "Fn::Not":
            return not self._holds(argument[0])
        if function == "Fn::And":
            return all(self._holds(one) for one in argument)
        assert function == "Fn::Equals"
        left, right = self.resolve(argument)
        return str(left) == str(right)


def _listed(statement: dict[str, Any]) -> dict[str, Any]:
    lists = {name: statement[name] for name in ("Action", "Resource")}
    return statement | {n: v if isinstance(v, list) else [v] for n, v in lists.items()}


BUILD = {
    "RepositoryUrl": "https://github.com/me/dogs",
    "ConnectionArn": f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/1",
}


def settings_with(*overrides: str, environment: str | None = None) -> Settings:
    """pipeline.yaml's, for an account."""
    mine = f"aws.account_id='{ACCOUNT}'"
    return load_settings(ROOT / "pipeline.yaml", environment, [mine, *overrides])


def template_for(settings: Settings, **others: str) -> Template:
    """As bootstrap would make it."""
    return Template.load(names_of(Foundation(settings, "staging")) | BUILD | others)
