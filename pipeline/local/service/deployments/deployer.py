"""Install and call the function that deploys, on this machine."""

import shutil
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.command_line.running import ROOT
from pipeline.errors import PipelineError
from pipeline.local.failures import StepFailed
from pipeline.local.jobs.lambdas import run_lambda
from pipeline.local.service.credentials import Address, own_secret
from pipeline.local.service.operations.events import RULE
from pipeline.local.store import Document, Store
from pipeline.settings.lambda_environment import lambda_environment
from pipeline.temporary import held

if TYPE_CHECKING:
    from pipeline.settings.model import Settings

HANDLER = ROOT / "lambda_code" / "deploy_endpoint.py"
FAILED = "failed.txt"  # in the folder of a call whose failure was said


class DeploymentError(PipelineError):
    """A refusal or failure of the function that deploys."""


def install_deployer(store: Store, settings: "Settings") -> None:
    """Install the rule by which approvals and the ends of updates deploy, as these settings say.

    On AWS the stack in infra/ does so. Here there is one instance, so nothing is scaled.
    """
    rule = {
        "Group": settings.model_package_group,
        "Endpoint": settings.production_endpoint_name,
        "Staging": settings.endpoint_name,
        "FunctionArn": settings.lambda_arn,
        "Region": settings.aws.region,
        "Account": settings.aws.account_id,
        "Environment": lambda_environment(settings, scales=False),
    }
    store.put(RULE, settings.model_package_group, rule)


def call_deployer(
    store: Store,
    rule: Document,
    event: Mapping[str, Any],
    url: str,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Run the handler in lambda_code/ on an event against the service at `url`; return its answer.

    Raises DeploymentError with its reason, SecretError.
    """
    while True:
        work = store.root / "deployments" / uuid.uuid4().hex[:12]
        work.mkdir(parents=True)
        with held(work) as mine:
            if mine:  # else another process swept it just now
                return _call(rule, event, Address(url, own_secret(store.root)), work, should_stop)


def _call(
    rule: Document,
    event: Mapping[str, Any],
    service: Address,
    work: Path,
    should_stop: Callable[[], bool],
) -> dict[str, Any]:
    arn = rule["FunctionArn"]
    try:
        answer = run_lambda(
            "Deploy",
            arn,
            event,
            handlers={arn.rpartition(":")[2]: HANDLER},
            service=service,
            region=rule["Region"],
            work=work,
            should_stop=should_stop,
            variables=rule["Environment"],
        )
    except StepFailed as error:
        (work / FAILED).write_text(error.reason)
        kind, _, message = error.reason.partition(": ")
        raise DeploymentError(message if kind.endswith("Error") else error.reason) from error
    shutil.rmtree(work, ignore_errors=True)
    return answer
