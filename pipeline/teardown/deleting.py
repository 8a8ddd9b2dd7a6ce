"""Delete what a project has, one thing after the other; what is refused does not end the rest."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline.aws.clients import Aws
from pipeline.aws.errors import AwsAccessError, AwsError, explained
from pipeline.aws.timing import Timing
from pipeline.bootstrap.stack import Stack
from pipeline.errors import PipelineError
from pipeline.teardown.account import DIMENSION, KEPT, RUNNING, answer_of, is_gone
from pipeline.teardown.documents import Ended, Found, Kind, Thing

_RUN_S, _ENDPOINT_S = 1200.0, 600.0
# While one of these is there, the last ones stay: it needs roles, functions, models or pictures.
_NEEDS_THE_LAST: tuple[Kind, ...] = ("run", "endpoint", "stack")
_LAST: tuple[Kind, ...] = ("stack", "version", "group", "bucket")


class StillThereError(PipelineError):
    """AWS was asked to end or delete something, and it is still there minutes later."""


def delete_all(aws: Aws, found: Found, timing: Timing) -> Iterator[Ended]:
    """Delete what is to go, in order, and yield what became of each thing.

    All runs are asked to stop before the first is waited for: what they start costs, and their
    last step makes an endpoint.
    """
    runs = [thing for thing in found.going if thing.kind == "run"]
    asked = {run: _ended(lambda thing: _stop(aws, thing), run) for run in runs}
    held = ""
    for thing in found.going:
        if held and thing.kind in _LAST:
            yield Ended(thing, "held back", f"{held} is still there, and needs it")
            continue
        done = asked.get(thing)
        if done is None or done.end == "deleted":
            done = _ended(lambda one: _delete(aws, one, timing), thing)
        if done.end == "refused" and thing.kind in _NEEDS_THE_LAST:
            held = held or f"the {thing.kind} {thing.name}"
        yield done


def _ended(act: Callable[[Thing], object], thing: Thing) -> Ended:
    try:
        with explained(f"deleting the {thing.kind} {thing.name}"):
            act(thing)
    except (PipelineError, AwsAccessError) as error:
        cause = error.__cause__
        if isinstance(cause, Exception) and is_gone(cause):
            return Ended(thing, "gone")
        return Ended(thing, "refused", str(error))
    return Ended(thing, "deleted")


def _stop(aws: Aws, run: Thing) -> None:
    client, token = aws.client("sagemaker"), uuid.uuid4().hex
    client.stop_pipeline_execution(PipelineExecutionArn=run.arn, ClientRequestToken=token)


def _delete(aws: Aws, thing: Thing, timing: Timing) -> None:
    if thing.kind == "run":
        describe = aws.client("sagemaker").describe_pipeline_execution
        request = {"PipelineExecutionArn": thing.arn}
        _await(thing, lambda: _has_ended(answer_of(describe, **request)), _RUN_S, timing)
    elif thing.kind == "kept machine":
        _let_go(aws.client("sagemaker"), thing, timing)
    elif thing.kind == "endpoint":
        _delete_endpoint(aws.client("sagemaker"), thing, timing)
    elif thing.kind == "stack":
        stack = Stack(aws.client("cloudformation"), thing.name, timing)
        state = stack.state(thing.arn)
        if state is not None and state.status != "DELETE_COMPLETE":
            stack.delete(state, lambda _event: None)
    elif thing.kind == "bucket":
        _empty_and_delete(aws.client("s3"), thing)
    else:
        _CALLS[thing.kind](aws, thing)


def _delete_endpoint(client: Any, thing: Thing, timing: Timing) -> None:
    request = {"EndpointName": thing.name}
    known = answer_of(client.describe_endpoint, **request)
    if known is not None and known["EndpointStatus"] != "Deleting":
        client.delete_endpoint(**request)
    describe = client.describe_endpoint
    _await(thing, lambda: answer_of(describe, **request) is None, _ENDPOINT_S, timing)


def _let_go(client: Any, thing: Thing, timing: Timing) -> None:
    """End the time for which a training job's machine is kept, and wait until it is over."""
    at_once = {"KeepAlivePeriodInSeconds": 0}
    client.update_training_job(TrainingJobName=thing.name, ResourceConfig=at_once)
    describe = client.describe_training_job
    request = {"TrainingJobName": thing.name}
    _await(thing, lambda: not _is_kept(answer_of(describe, **request)), _ENDPOINT_S, timing)


def _has_ended(run: Mapping[str, Any] | None) -> bool:
    return run is None or run["PipelineExecutionStatus"] not in RUNNING


def _is_kept(job: Mapping[str, Any] | None) -> bool:
    return ((job or {}).get("WarmPoolStatus") or {}).get("Status") == KEPT


def _await(thing: Thing, is_over: Callable[[], bool], limit: float, timing: Timing) -> None:
    """Wait until it is over. Raises StillThereError."""
    waited = 0.0
    for pause in timing.pauses(2, 15):
        if is_over():
            return
        if waited > limit:
            break
        timing.sleep(pause)
        waited += pause
    what = f"the {thing.kind} {thing.name} is still there after {waited:.0f} s"
    raise StillThereError(f"{what}: run this again later")


def _empty_and_delete(client: Any, bucket: Thing) -> None:
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket.name):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        objects = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
        if objects:  # a page holds as many as one request may name
            named = {"Objects": objects, "Quiet": True}
            answer = client.delete_objects(Bucket=bucket.name, Delete=named)
            for error in answer.get("Errors", []):
                reason = error.get("Message") or error.get("Code")
                raise AwsError(f"deleting {error.get('Key')} of {bucket.name}: {reason}")
    client.delete_bucket(Bucket=bucket.name)


# What one call deletes.
_CALLS: Mapping[Kind, Callable[[Aws, Thing], object]] = {
    "scaling": lambda aws, thing: aws.client("application-autoscaling").deregister_scalable_target(
        ServiceNamespace="sagemaker", ResourceId=thing.name, ScalableDimension=DIMENSION
    ),
    "configuration": lambda aws, thing: aws.client("sagemaker").delete_endpoint_config(
        EndpointConfigName=thing.name
    ),
    "model": lambda aws, thing: aws.client("sagemaker").delete_model(ModelName=thing.name),
    "pipeline": lambda aws, thing: aws.client("sagemaker").delete_pipeline(
        PipelineName=thing.name, ClientRequestToken=uuid.uuid4().hex
    ),
    "version": lambda aws, thing: aws.client("sagemaker").delete_model_package(
        ModelPackageName=thing.arn
    ),
    "group": lambda aws, thing: aws.client("sagemaker").delete_model_package_group(
        ModelPackageGroupName=thing.name
    ),
}
