"""Define what each operation of the local SageMaker API is made of: table, errors, lookups."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from pipeline.errors import PipelineError
from pipeline.local.service.hosting.model_environment import environment_problem
from pipeline.local.store import Document, Store

REGION = "us-east-1"
ACCOUNT = "111122223333"


class ApiError(PipelineError):
    """An operation was refused, with the code and message that SageMaker would give."""

    def __init__(self, code: str, message: str, http_status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.http_status = http_status


class EndpointHost(Protocol):
    """A host of the model servers behind endpoints."""

    def wake(self) -> None:
        """Look now for endpoints that wait to be created or updated."""

    def is_at_work(self, endpoint: str) -> bool:
        """Check whether the host is creating or updating that endpoint just now."""

    def forget(self, endpoint: str) -> None:
        """End the model server of an endpoint that was deleted."""


@dataclass(frozen=True)
class OperationContext:
    """The state and account that an operation works on; `host` is None where nothing is hosted."""

    store: Store
    host: EndpointHost | None = None
    region: str = REGION
    account: str = ACCOUNT

    def arn(self, resource: str, name: str) -> str:
        """Return the ARN of one of this account's resources."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{resource}/{name}"


Handler = Callable[[OperationContext, Document], Document]
Table = dict[str, Handler]


def invalid(message: str) -> ApiError:
    """Create a ValidationException: SageMaker's answer to most of what it refuses."""
    return ApiError("ValidationException", message)


def not_found(message: str) -> ApiError:
    """Create a ResourceNotFound error."""
    return ApiError("ResourceNotFound", message)


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def name_of(value: str) -> str:
    """Return the name in an ARN's last part; a plain name stays as it is."""
    return value.split(":", 5)[5].partition("/")[2] if value.startswith("arn:") else value


def refuse(params: Document, members: Iterable[str]) -> None:
    """Raise ApiError when a request uses what has no meaning on this machine."""
    for member in members:
        if params.get(member):
            raise invalid(f"{member} is not supported by the local service: leave it out.")


def refuse_environment(holder: Document) -> None:
    """Raise ApiError when an Environment would have other code run than the model's."""
    if problem := environment_problem(holder.get("Environment", {})):
        raise invalid(problem)


def select(shape: Any, document: Document) -> Document:
    """Select the members of a document that a shape has; the rest is our own bookkeeping."""
    return {name: value for name, value in document.items() if name in shape.members}
