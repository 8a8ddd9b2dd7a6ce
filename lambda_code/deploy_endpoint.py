"""Bring registered models to endpoints. One handler, three callers; none waits for InService.

1. The pipeline's Deploy step: its version to the staging endpoint, in its turn (staging_endpoint).
2. EventBridge: an approval, a rejection, the end of an endpoint's deployment, or its clock.
3. `python -m pipeline.endpoint rollback`.

Where TOPICS names any, people are told (news) of a deployment that was rolled back and, by two
more events, of a run that failed and a version that waits for approval.

Production runs the version that was decided on last and still stands: exactly the version in the
event of an approval, never the newest one registered. What was decided is kept in the endpoint's
configurations (deployment_history); every event leads to the same look at it, at the registry and
at the endpoint as they are now (production_endpoint), so that events may come twice, late, at once
and in any order. Lambda retries a failed call for minutes only, and an update may take an hour:
the event at the update's end continues what had to wait.

| Event              | Now                                | Then                                 |
|--------------------|------------------------------------|--------------------------------------|
| A approved         | no endpoint, or it failed          | it is created with A                 |
| A approved         | it has B, decided before A         | update to A                          |
| A approved, late   | it has B, decided after A          | nothing; A is remembered             |
| A approved         | it has B, decided in that moment   | the later version of the two         |
| A approved, again  | it has A, or is on its way to A    | nothing                              |
| A approved, stale  | A is rejected, pending or deleted  | nothing                              |
| A approved         | it is busy                         | nothing yet: the event of its end    |
| A rejected         | it has A; B was approved before A  | update to B                          |
| A rejected         | it has A; only B, rolled back from | update to B: it was not rejected     |
|                    | or overtaken, is approved          |                                      |
| A rejected         | it has A; nothing else is approved | an error, for the alarm; A stays     |
| A rejected         | it has another                     | nothing                              |
| it is at rest      | it has what was decided last       | autoscaling is set                   |
| it is at rest      | more was decided meanwhile         | update to that                       |
| it is at rest      | its update to A was rolled back    | nothing: A needs another approval    |
| it is at rest      | somebody updated it to X by hand,  | nothing: X stays until an approval   |
|                    | or made it anew with X             |                                      |
| it failed          | it was created with A              | created with what was before A,      |
|                    |                                    | or an error for the alarm            |
| rollback           | it has B; A was before B           | update to A; B's events and approval |
|                    |                                    | do not undo it                       |
| a run deploys A    | staging is at rest                 | it is created with A or updated to A |
| a run deploys A    | staging is busy                    | A waits: the event of its end        |
| a run deploys B    | staging is busy, A waits           | B waits; A is superseded             |
| staging is at rest | A waits                            | update to A                          |
| staging is at rest | its update to A was rolled back    | nothing                              |
| staging failed     | A waits                            | it is deleted and created with A     |
| staging's turn     | it has instances, A is serverless  | it is deleted and created with A;    |
|                    |                                    | if that is refused, with what it had |
| an hour has passed | staging costs by the hour and is   | it is deleted                        |
|                    | older than its hours               |                                      |
| of another group   | whatever                           | nothing                              |
| of another kind    | whatever                           | an error: the rule is wrong          |
"""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config

from deployment_errors import DeployError, EndpointBusyError
from deployment_history import create_config, create_model
from deployment_inputs import (
    PackageEvent,
    Production,
    RollbackRequest,
    endpoint_in,
    read_expiry,
    read_step,
)
from endpoint_calls import is_same_endpoint
from endpoint_kinds import bring_across
from endpoint_plan import Plan
from endpoint_rollback import roll_back
from kept_models import container_by_address, kept_container
from news import WAITING, of_failed_run, of_waiting_version
from production_endpoint import Clients, Outcome, answer, on_package_event, reconcile
from staging_endpoint import bring_in_turn, take_turn
from staging_expiry import delete_expired
from telling import News, teller

# From a VPC that has no way to SNS an answer never comes.
_SHORTLY = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 3})
_PACKAGE_EVENT = "SageMaker Model Package State Change"
_ENDPOINT_EVENT = "SageMaker Endpoint State Change"
_RUN_EVENT = "SageMaker Model Building Pipeline Execution Status Change"


def handler(event: Mapping[str, Any], _context: object) -> Outcome:
    """Handle a Lambda invocation. Raises DeployError, its subclasses, or botocore's ClientError."""
    clients = Clients(
        boto3.client("sagemaker"),
        scaling=lambda: boto3.client("application-autoscaling"),
        objects=lambda: boto3.client("s3"),
        tell=teller(os.environ.get("TOPICS", ""), lambda: boto3.client("sns", config=_SHORTLY)),
    )
    done = handle(event, os.environ, clients)
    print(json.dumps(done))
    return done


def handle(event: Mapping[str, Any], environment: Mapping[str, str], clients: Clients) -> Outcome:
    """Do what the event asks for and return what was done."""
    if "rollback" in event:
        request = RollbackRequest.from_event(event)
        return roll_back(Production.from_environment(environment), request, clients)
    if "expire" in event:
        name, hours = read_expiry(event, environment)
        return delete_expired(clients, name, hours, datetime.now(UTC))
    if "detail-type" in event:
        return _on_event(event, environment, clients)
    return deploy(
        event,
        clients,
        production=environment.get("PRODUCTION_ENDPOINT", ""),
        staging=environment.get("STAGING_ENDPOINT", ""),
        models=environment.get("MODELS", ""),
    )


def _on_event(
    event: Mapping[str, Any], environment: Mapping[str, str], clients: Clients
) -> Outcome:
    kind, production = event["detail-type"], Production.from_environment(environment)
    if kind == _RUN_EVENT and clients.tell:
        bucket = environment.get("MODELS", "").removesuffix("/models")
        return _told(clients, of_failed_run(clients.sagemaker, event, bucket))
    if kind == _PACKAGE_EVENT:
        about = PackageEvent.from_event(event)
        is_waiting = about.status == WAITING and about.group == production.group
        if is_waiting and clients.tell:
            news = of_waiting_version(clients.sagemaker, about.package, clients.objects)
            return _told(clients, news)
        return on_package_event(production, about, clients)
    if kind == _ENDPOINT_EVENT:
        name = endpoint_in(event)
        if name == environment.get("STAGING_ENDPOINT"):
            return _on_staging(name, clients)
        if name != production.plan.endpoint_name:
            return answer("ignored", f"{name} is no endpoint of this function", production)
        return reconcile(production, clients)
    raise DeployError(f"nothing is to be done at an event {kind!r}: correct the rule that sent it")


def _told(clients: Clients, news: News | None) -> Outcome:
    if news is None or clients.tell is None:
        return {"action": "unchanged", "reason": "nobody needs to be told any more"}
    clients.tell(news)
    return {"action": "told", "reason": news.subject}


def _on_staging(name: str, clients: Clients) -> Outcome:
    # How it runs stands in the configuration; the plan says only how it is updated.
    plan = Plan(name, instance_type="", instance_count=0, role_arn="")
    action, config = take_turn(clients, plan)
    return {"action": action, "endpoint_name": name, "endpoint_config_name": config}


def deploy(
    event: Mapping[str, Any], clients: Clients, *, production: str, staging: str, models: str = ""
) -> Outcome:
    """Do the Deploy step's work: create what is missing and bring the endpoint to it.

    `staging`, while it is busy, gets it later by an event. Never `production`, the endpoint that
    only approvals bring versions to. `models` is the folder that models are kept in, if any.
    Raises DeployError, and EndpointBusyError when another endpoint is on its way to something else.
    """
    plan, package = read_step(event)
    if is_same_endpoint(plan.endpoint_name, production):
        raise DeployError(
            f"{plan.endpoint_name} is where approved versions go: run the pipeline with another "
            "EndpointName and approve the version to bring it there"
        )
    client = clients.sagemaker
    described = client.describe_model_package(ModelPackageName=package)
    container = kept_container(described, models, clients.objects) if models else _given(described)
    model = create_model(client, plan, package, container)
    config = create_config(client, plan, package, model)
    done = _bring(clients, plan, config, staging)
    return done | {
        "endpoint_name": plan.endpoint_name,
        "endpoint_config_name": config,
        "model_name": model,
        "action": done["action"],
    }


def _bring(clients: Clients, plan: Plan, config: str, staging: str) -> Outcome:
    if is_same_endpoint(plan.endpoint_name, staging):
        return bring_in_turn(clients, replace(plan, endpoint_name=staging), config)
    try:
        return {"action": bring_across(clients.sagemaker, plan, config, sleep=clients.sleep)}
    except EndpointBusyError as error:
        turns = f"runs take turns at {staging}" if staging else "run python -m pipeline.bootstrap"
        raise EndpointBusyError(f"{error} (no event would continue this: {turns})") from error


def _given(package: Mapping[str, Any]) -> dict[str, Any]:
    if package.get("ModelApprovalStatus", "Approved") == "Approved":
        return {"ModelPackageName": package["ModelPackageArn"]}
    # SageMaker makes no model from a package before it is approved; a staging endpoint comes
    # before that, so it gets the same image and data by their own addresses.
    return container_by_address(package)
