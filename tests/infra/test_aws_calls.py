"""Whose calls IAM lets through: every call of a project's whole life, in aws_calls.json.

A row says who (a role of the project dogs, a service, or an operator who may do anything), what, of
which resource by the name that AWS gives it, what IAM is told besides (`context`), the policy of
the resource where it has one, and what must come out. `note` says why a row is other than one would
expect; `sure` is false where AWS documents too little to know that it makes the call.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.infra.policy_engine import Call, Statement, allows
from tests.infra.template_support import (
    ACCOUNT,
    KEYS,
    NETWORK,
    REALTIME,
    REGION,
    Template,
    settings_with,
    template_for,
)

ROWS: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("aws_calls.json").read_text(encoding="utf-8")
)
# A list has no owner, and any configuration may come to stand on production.
LOOKS = ("sagemaker:ListModelPackages", "sagemaker:DescribeEndpointConfig", "sagemaker:ListTags")
CONNECTION = f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection"
NOTIFY = f"{{emails: [me@example.org], topic_arn: 'arn:aws:sns:{REGION}:{ACCOUNT}:on-call'}}"
MONITORED = "monitor={enabled: true, retrain: true}"
TOLD = ("context", "policy")
PRINCIPALS = sorted({row["principal"] for row in ROWS})


class Policies:
    """The policies of a project: those of its roles by name, and those of its resources."""

    def __init__(self, project: str) -> None:
        told, expires = f"notify={NOTIFY}", "deploy.staging.expire_hours=24"
        settings = settings_with(
            f"project={project}", MONITORED, told, expires, REALTIME, NETWORK, *KEYS
        )
        connection = f"{CONNECTION}/0a1b2c3d-1111-2222-3333-444455556666"
        self._template = template_for(settings, ConnectionArn=connection)
        self._arns = _arns(self._template)
        roles = self._template.resources("AWS::IAM::Role")
        self.identity = {
            role["RoleName"]: [self._with_arns(one) for one in self._template.statements(name)]
            for name, role in roles.items()
        }
        self.identity["operator"] = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
        self.resource: dict[str, list[Statement]] = {
            f"trust:{role['RoleName']}": role["AssumeRolePolicyDocument"]["Statement"]
            for role in roles.values()
        }
        policies = {
            "bucket": "BucketPolicy",
            "queue": "FailedDeploymentsPolicy",
            "topic": "AlarmTopicPolicy",
        }
        for name, policy in policies.items():
            made = self._template.resources()[policy]["PolicyDocument"]["Statement"]
            self.resource[name] = [self._with_arns(one) for one in made]
        self.resource[f"function:{settings.lambda_name}"] = list(self._permissions())

    def allow(self, row: Mapping[str, Any]) -> bool:
        call = Call(row["principal"], row["action"], row["resource"], row.get("context", {}))
        theirs = self.resource[row["policy"]] if "policy" in row else []
        return allows(self.identity.get(call.principal, []), theirs, call)

    def _permissions(self) -> Iterator[Statement]:
        """Yield what AWS::Lambda::Permission adds to a function's policy."""
        for one in self._template.resources("AWS::Lambda::Permission").values():
            yield self._with_arns(
                {
                    "Effect": "Allow",
                    "Principal": {"Service": one["Principal"]},
                    "Action": one["Action"],
                    "Resource": f"GetAtt {one['FunctionName']}.Arn",
                    "Condition": {
                        "ArnLike": {"aws:SourceArn": one["SourceArn"]},
                        "StringEquals": {"aws:SourceAccount": one["SourceAccount"]},
                    },
                }
            )

    def _with_arns(self, value: Any) -> Any:
        if isinstance(value, str):
            return (
                self._arns[value] if value.startswith("GetAtt ") else self._arns.get(value, value)
            )
        if isinstance(value, list):
            return [self._with_arns(one) for one in value]
        return {name: self._with_arns(one) for name, one in value.items()}


def _arns(template: Template) -> dict[str, str]:
    """Return the ARNs that AWS gives the resources whose ARN the template asks for."""
    starts = {
        "AWS::CloudWatch::Alarm": ("cloudwatch", "alarm:", "AlarmName"),
        "AWS::CodeBuild::Project": ("codebuild", "project/", "Name"),
        "AWS::ECR::Repository": ("ecr", "repository/", "RepositoryName"),
        "AWS::Events::Rule": ("events", "rule/", "Name"),
        "AWS::Lambda::Function": ("lambda", "function:", "FunctionName"),
        "AWS::SQS::Queue": ("sqs", "", "QueueName"),
    }
    # A Ref gives a topic's ARN.
    topics = {
        name: f"arn:aws:sns:{REGION}:{ACCOUNT}:{made['TopicName']}"
        for name, made in template.resources("AWS::SNS::Topic").items()
    }
    return topics | {
        f"GetAtt {name}.Arn": f"arn:aws:{service}:{REGION}:{ACCOUNT}:{start}{made[named]}"
        for kind, (service, start, named) in starts.items()
        for name, made in template.resources(kind).items()
    }


@pytest.fixture(scope="module")
def dogs() -> Policies:
    return Policies("dogs")


@pytest.mark.parametrize("principal", PRINCIPALS)
def test_what_must_be_allowed_is_and_all_else_is_denied(dogs: Policies, principal: str) -> None:
    rows = [row for row in ROWS if row["principal"] == principal]
    wrong = [row for row in rows if dogs.allow(row) != (row["expect"] == "allow")]
    assert not wrong, "\n".join(map(json.dumps, wrong))


def test_every_role_of_the_template_is_in_the_table(dogs: Policies) -> None:
    assert set(dogs.identity) <= set(PRINCIPALS)


def test_the_table_asks_everything_once_and_says_why() -> None:
    keys = Counter(
        json.dumps([row.get(name) for name in ("principal", "action", "resource", *TOLD)])
        for row in ROWS
    )
    assert [key for key, count in keys.items() if count > 1] == []
    assert {row["expect"] for row in ROWS} == {"allow", "deny"}
    assert all(row["why"] for row in ROWS)


def test_every_part_of_a_statement_lets_something_through_that_must_be(dogs: Policies) -> None:
    """An action or a resource that no row needs is either too much, or a call is missing here."""
    idle = []
    for role, statements in dogs.identity.items():
        mine = [row for row in ROWS if row["principal"] == role and row["expect"] == "allow"]
        for statement in (one for one in statements if one["Effect"] == "Allow"):
            for member in ("Action", "Resource"):
                idle += [
                    f"{role}: {statement['Sid']}: {part}"
                    for part in statement[member]
                    if not any(_needs({**statement, member: part}, row) for row in mine)
                ]
    assert idle == []


def _needs(statement: Statement, row: Mapping[str, Any]) -> bool:
    call = Call(row["principal"], row["action"], row["resource"], row.get("context", {}))
    return allows([statement], [], call)


@pytest.mark.parametrize("other", ["dogs2", "dogs-uk", "dogs-production", "dogs-serving", "dog"])
def test_projects_whose_names_begin_alike_are_strangers(dogs: Policies, other: str) -> None:
    """What the roles of one must be able to do, they may not do to the other's, and vice versa."""
    needed = [row for row in ROWS if row["expect"] == "allow" and _is_of_the_project(row)]
    theirs = Policies(other)
    crossed = [row for row in needed if theirs.allow(_renamed(row, other, "principal"))]
    others = [_renamed(row, other, "resource", "context") for row in needed]
    crossed += [row for row in others if dogs.allow(row)]
    assert not crossed, "\n".join(map(json.dumps, crossed))


def _is_of_the_project(row: Mapping[str, Any]) -> bool:
    """Whether a role of the project does something to what only the project has."""
    if row["principal"] == "operator" or "policy" in row or row["action"] in LOOKS:
        return False
    tags = row.get("context", {}).values()
    return "dogs" in tags or "/dogs" in row["resource"].replace(":", "/")


def _renamed(row: Mapping[str, Any], project: str, *members: str) -> dict[str, Any]:
    """Return a call with some of its members as they are for another project."""
    changed = {name: row[name] for name in members if name in row}
    return {**row, **json.loads(re.sub(r"\bdogs\b", project, json.dumps(changed)))}
