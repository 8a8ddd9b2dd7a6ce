"""infra/template.yaml as CloudFormation would read it for given parameters."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.bootstrap import plan
from pipeline.bootstrap.stack_parameters import Foundation, names_of
from pipeline.command_line.running import ROOT
from pipeline.settings.loading import load_settings
from pipeline.settings.model import Settings

PATH = ROOT / "infra" / "template.yaml"
ACCOUNT, REGION = "123456789012", "us-east-1"
_PSEUDO = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}


class Template(plan.Template):
    """The template with its roles' statements."""

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> "Template":
        rendered = plan.Template.load(PATH, parameters, _PSEUDO)
        assert rendered.parameters.keys() == rendered.body["Parameters"].keys()
        return cls(rendered.body, rendered.parameters, rendered.pseudo)

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


def _listed(statement: dict[str, Any]) -> dict[str, Any]:
    lists = {name: statement[name] for name in ("Action", "Resource")}
    return statement | {n: v if isinstance(v, list) else [v] for n, v in lists.items()}


BUILD = {
    "RepositoryUrl": "https://github.com/me/dogs",
    "ConnectionArn": f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/1",
}

REALTIME = "deploy.staging.type=realtime"  # serverless endpoints take no network
NETWORK = (
    "network={subnets: [{id: subnet-0a1b2c3d, zone: us-east-1a}, "
    "{id: subnet-0a1b2c3e, zone: us-east-1b}], security_groups: [sg-0a1b2c3d], isolation: true}"
)
_USES = {"key": 1, "volumes": 2, "queue": 3, "logs": 4, "functions": 5}
KEY = {
    use: f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-00000000000{number}"
    for use, number in _USES.items()
}
KEYS = [f"encryption.{use}={arn}" for use, arn in KEY.items()]
"""Each use has a key of its own; `key` is that of what lies in the bucket."""


def settings_with(*overrides: str, environment: str | None = None) -> Settings:
    """pipeline.yaml's, for an account."""
    mine = f"aws.account_id='{ACCOUNT}'"
    return load_settings(ROOT / "pipeline.yaml", environment, [mine, *overrides])


def template_for(settings: Settings, **others: str) -> Template:
    """As bootstrap would make it."""
    return Template.of(names_of(Foundation(settings, "staging")) | BUILD | others)
