"""Check the steps that deploy: the Lambda's arguments and waiting time, and the rollback."""

from collections.abc import Iterator, Mapping

from pipeline.check.constraints import type_problems, value_problems
from pipeline.check.document import CheckedDefinition
from pipeline.check.findings import Problem
from pipeline.check.functions import function_name, known_value
from pipeline.check.properties import shape_of
from pipeline.check.rules.rule import Rule, rule
from pipeline.check.rules.scripts import our_functions
from pipeline.check.shapes import load_shapes
from pipeline.definition.node import Node, is_number

MOST_LAMBDA_SECONDS = 600

# The shapes of a deploying Lambda's arguments, by their names.
_SHAPES: Mapping[str, str] = {
    "endpoint_name": "EndpointName",
    "endpoint_config_name": "EndpointConfigName",
    "instance_type": "ProductionVariantInstanceType",
    "instance_count": "InitialTaskCount",
    "initial_instance_count": "InitialTaskCount",
    "max_concurrency": "ServerlessMaxConcurrency",
    "memory_size_mb": "ServerlessMemorySizeInMB",
    "model_name": "ModelName",
    "model_package_arn": "ModelPackageArn",
    "model_package_group": "EntityName",
    "provisioned_concurrency": "ServerlessProvisionedConcurrency",
    "role_arn": "RoleArn",
}
_WAITING = ("wait", "timeout", "poll", "deadline")
_UNITS = {"hour": 3600, "minute": 60, "min": 60}


@rule("lambda-argument")
def lambda_arguments(document: CheckedDefinition) -> Iterator[Problem]:
    """Report a Lambda of ours with an argument that is not what its name says, such as an ARN."""
    shapes = load_shapes()
    for step, _ in our_functions(document):
        for name, node in step.arguments.members():
            if name not in _SHAPES:
                continue
            shape = shapes[_SHAPES[name]]
            given = shape_of(document, node)
            if given is not None and _is_other_arn(_SHAPES[name], given):
                what = f"{name} is given a {given}"
                yield Problem(node.path, what, f"give a {_SHAPES[name]}")
            value = Node(known_value(document, node), node.path)
            if value.exists:
                yield from list(type_problems(shape, value)) or value_problems(shape, value)


@rule("lambda-wait", accepted=True)
def lambda_wait(document: CheckedDefinition) -> Iterator[Problem]:
    """Report a Lambda that is told to wait for longer than SageMaker waits for a Lambda."""
    for step in document.of_type("Lambda"):
        for name, node in step.arguments.members():
            value = known_value(document, node)
            if not any(word in name.lower() for word in _WAITING) or not is_number(value):
                continue
            seconds = value * next((n for word, n in _UNITS.items() if word in name.lower()), 1)
            if seconds > MOST_LAMBDA_SECONDS:
                what = f"the Lambda is to wait {seconds:g} s; the step ends after 600 s"
                mend = "let the Lambda start the work and return, and watch it elsewhere"
                yield Problem(node.path, what, mend)


@rule("no-rollback", accepted=True)
def no_rollback(document: CheckedDefinition) -> Iterator[Problem]:
    """Report endpoint updates with no alarm that brings the old version back."""
    for step in document.of_type("Lambda", "Endpoint"):
        configs = [node for node in step.own_nodes() if _plain(node.key) == "deploymentconfig"]
        for config in configs:
            if function_name(config.value) is None and not _has_alarms(config):
                what = "this deployment has no alarm that rolls it back"
                mend = "add AutoRollbackConfiguration with Alarms"
                yield Problem(config.path, what, mend)
        if step.type == "Endpoint" and not configs:
            what = "without a DeploymentConfig an update runs with no automatic rollback"
            mend = "add DeploymentConfig with AutoRollbackConfiguration"
            yield Problem(step.arguments.path, what, mend)


def _has_alarms(config: Node) -> bool:
    for name, node in config.members():
        if _plain(name) == "autorollbackconfiguration":
            return any(inner.items() for key, inner in node.members() if _plain(key) == "alarms")
    return False


def _plain(name: str | int) -> str:
    return str(name).replace("_", "").lower()


def _is_other_arn(wanted: str, given: str) -> bool:
    return wanted.endswith("Arn") and given != wanted


RULES: tuple[Rule, ...] = (lambda_arguments, lambda_wait, no_rollback)
