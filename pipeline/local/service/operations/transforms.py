"""Answer the operations on transform jobs: record what is asked for; the host runs it.

A job's document is its Describe answer. Output lands where SageMaker puts it: at S3OutputPath, the
object's key below its prefix, and `.out`.
"""

from pipeline.addresses import AddressError
from pipeline.local.service.operations.context import (
    ApiError,
    OperationContext,
    Table,
    invalid,
    not_found,
    now,
    refuse,
    refuse_environment,
)
from pipeline.local.service.operations.listing import Listing, list_operation
from pipeline.local.service.operations.models import hosted_model
from pipeline.local.service.operations.tags import put_tags
from pipeline.local.service.transform_objects import ObjectsError, objects_of
from pipeline.local.store import Document, Store

KIND = "TransformJob"
UNDER_WAY = ("InProgress", "Stopping")
DEFAULT_PAYLOAD_MB = 6
_DEFAULTS = {"BatchStrategy": "MultiRecord", "MaxPayloadInMB": DEFAULT_PAYLOAD_MB}
_SPLITS = (None, "None", "Line")
_REASON_LENGTH = 1024


def create_transform_job(context: OperationContext, params: Document) -> Document:
    """Answer CreateTransformJob at once: it is InProgress until the host has asked its model."""
    name = params["TransformJobName"]
    arn = context.arn("transform-job", name)
    _check(context, params)
    document = _DEFAULTS | {key: value for key, value in params.items() if key != "Tags"}
    document |= {
        "TransformJobArn": arn,
        "TransformJobStatus": "InProgress",
        "CreationTime": now(),
        "LastModifiedTime": now(),
    }
    with context.store.transaction():
        hosted_model(context, params["ModelName"])
        if context.store.get(KIND, name):
            raise ApiError(
                "ResourceInUse",
                "Job name must be unique within an AWS account and region, and a job with this "
                f"name already exists ({arn})",
            )
        put_transform_job(context.store, document)
        put_tags(context, arn, params.get("Tags"))
    if context.host:
        context.host.wake()
    return {"TransformJobArn": arn}


def describe_transform_job(context: OperationContext, params: Document) -> Document:
    """Answer DescribeTransformJob."""
    return _find(context, params["TransformJobName"])


def stop_transform_job(context: OperationContext, params: Document) -> Document:
    """Answer StopTransformJob: what is asked about just now is still answered."""
    with context.store.transaction():
        job = _find(context, params["TransformJobName"])
        if job["TransformJobStatus"] not in UNDER_WAY:
            raise invalid(
                f"The request was rejected because the transform job is in status "
                f"{job['TransformJobStatus']}."
            )
        put_transform_job(context.store, job | {"TransformJobStatus": "Stopping"})
    if context.host:
        context.host.wake()
    return {}


def begin_transform_job(store: Store, name: str) -> None:
    """Record that a job's model is being started, if the job is still there."""
    with store.transaction():
        if job := store.get(KIND, name):
            put_transform_job(store, job | {"TransformStartTime": now()})


def end_transform_job(store: Store, name: str, status: str, reason: str = "") -> None:
    """Record how a job ended, if it is still there."""
    with store.transaction():
        if job := store.get(KIND, name):
            job |= {"TransformJobStatus": status, "TransformEndTime": now()}
            job |= {"FailureReason": reason[:_REASON_LENGTH]} if reason else {}
            put_transform_job(store, job | {"LastModifiedTime": now()})


def put_transform_job(store: Store, job: Document) -> None:
    """Keep a job's document."""
    store.put(KIND, job["TransformJobName"], job, arn=job["TransformJobArn"])


def _check(context: OperationContext, params: Document) -> None:
    """Raise ApiError for what SageMaker refuses, and for what only SageMaker can do."""
    refuse(params, ["DataCaptureConfig", "ExperimentConfig"])
    refuse_environment(params)
    wanted = params.get("DataProcessing") or {}
    refuse(wanted, [name for name in wanted if wanted[name] not in ("$", "None")])
    given = params["TransformInput"]
    if given.get("SplitType") not in _SPLITS:
        split = given["SplitType"]
        raise invalid(f"SplitType {split} is not supported by the local service: None or Line.")
    if given.get("CompressionType", "None") != "None":
        raise invalid("CompressionType is not supported by the local service: unpack the objects.")
    if context.host is None:
        command = "python -m pipeline.endpoint serve"
        raise invalid(f"Transform jobs run in the live local service: start it with {command}.")
    try:
        objects_of(context.store, given["DataSource"]["S3DataSource"])
        context.store.path(params["TransformOutput"]["S3OutputPath"])
    except (ObjectsError, AddressError) as error:
        raise invalid(str(error)) from error


def _find(context: OperationContext, name: str) -> Document:
    document = context.store.get(KIND, name)
    if document is None:
        raise not_found(f"Could not find requested job with name: {name}.")
    return document


OPERATIONS: Table = {
    "CreateTransformJob": create_transform_job,
    "DescribeTransformJob": describe_transform_job,
    "StopTransformJob": stop_transform_job,
    "ListTransformJobs": list_operation(
        "ListTransformJobs",
        Listing(KIND, "TransformJobName", status="TransformJobStatus", descending=True),
    ),
}
