"""Answer SageMaker's operations on this machine, each checked against botocore's shapes."""

import uuid
from typing import Any

from pipeline.local.service.operations import (
    endpoints,
    executions,
    models,
    packages,
    runs,
    tags,
    transforms,
)
from pipeline.local.service.operations.context import (
    ACCOUNT,
    REGION,
    ApiError,
    EndpointHost,
    OperationContext,
    Table,
    invalid,
    select,
)
from pipeline.local.service.shapes import find_problems, service_model, without_none
from pipeline.local.store import Document, Store

__all__ = ["OPERATIONS", "ApiError", "LocalApi"]

OPERATIONS: Table = {
    **models.OPERATIONS,
    **packages.OPERATIONS,
    **endpoints.OPERATIONS,
    **runs.OPERATIONS,
    **executions.OPERATIONS,
    **tags.OPERATIONS,
    **transforms.OPERATIONS,
}

# Members that botocore calls required and SageMaker itself leaves out: of a versioned package, and
# of a training job that has not ended.
_LEFT_OUT = {"DescribeModelPackage": "modelPackageName", "DescribeTrainingJob": "modelArtifacts"}


class LocalApi:
    """SageMaker's control plane over the local state; as many of these as you like on one Store."""

    def __init__(
        self,
        store: Store,
        host: EndpointHost | None = None,
        region: str = REGION,
        account_id: str = ACCOUNT,
    ) -> None:
        self.context = OperationContext(store, host, region, account_id)

    def call(self, operation: str, params: Document) -> Document:
        """Answer one operation, named and shaped as in boto3's request; times are datetimes.

        Raises ApiError: what was asked is not valid, not there, in use or not supported here.
        """
        if operation not in OPERATIONS:
            raise ApiError(
                "UnknownOperationException",
                f"{operation or 'That'} is not an operation of the local service; it answers: "
                + ", ".join(sorted(OPERATIONS)),
            )
        model = service_model().operation_model(operation)
        request = _with_tokens(model, without_none(params))
        _check_request(model, request)
        answer = without_none(OPERATIONS[operation](self.context, request))
        return _checked_answer(model, answer)


def _with_tokens(model: Any, params: Document) -> Document:
    # boto3 fills these in by itself.
    return {name: str(uuid.uuid4()) for name in model.idempotent_members} | params


def _check_request(model: Any, params: Document) -> None:
    problems = list(find_problems(model.input_shape, params))
    if problems:
        noun = "error" if len(problems) == 1 else "errors"
        raise invalid(f"{len(problems)} validation {noun} detected: {'; '.join(problems)}")


def _checked_answer(model: Any, answer: Document) -> Document:
    if model.output_shape is None:
        return {}
    answer = select(model.output_shape, answer)
    missing = f"Value null at '{_LEFT_OUT.get(model.name)}'"
    problems = [
        problem
        for problem in find_problems(model.output_shape, answer, limits=False)
        if not problem.startswith(missing)
    ]
    if problems:
        # Ours, not the caller's: a document in the store that Describe could not answer.
        raise ApiError("InternalFailure", f"{model.name}: {'; '.join(problems)}", 500)
    return answer
