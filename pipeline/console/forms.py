"""Read what a page sends: a form's fields, its files, or a bare body, within bounds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import parse_qs

from inference_code.server.model_server.bodies import BodyError, read_body

if TYPE_CHECKING:
    from starlette.requests import Request

FORM_BYTES = 256 * 1024
_MOST_FIELDS = 2000
View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class GivenFile:
    """A file of a form: its name as the browser says it, which is anything, and its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Form:
    """What came with a deed. `body` has the bytes of what is no form."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: Mapping[str, tuple[GivenFile, ...]] = field(default_factory=dict)
    body: bytes = b""

    def get(self, name: str, otherwise: str = "") -> str:
        """Return the first value of a field."""
        return next(iter(self.values.get(name, ())), otherwise)


def takes(maximum: int) -> Callable[[View], View]:
    """Let a view take a body of so many bytes, instead of FORM_BYTES."""

    def mark(view: View) -> View:
        view.maximum_body = maximum  # type: ignore[attr-defined]
        return view

    return mark


def maximum_of(view: Callable[..., Any]) -> int:
    """Return how many bytes a view takes."""
    return int(getattr(view, "maximum_body", FORM_BYTES))


def form_of(request: "Request") -> Form:
    """Return the form of a request that changes something; it was read and checked before."""
    return cast(Form, request.state.form)


async def read_form(request: "Request", maximum: int) -> Form:
    """Read a request's body. Raises BodyError for one that is too large, too slow or no form."""
    body = await read_body(request, maximum)
    kind = request.headers.get("content-type", "")
    name = kind.partition(";")[0].strip().lower()
    if name == "application/x-www-form-urlencoded":
        return Form(_fields(body))
    if name == "multipart/form-data":
        return _parts(kind, body)
    return Form(body=body)


def _fields(body: bytes) -> dict[str, tuple[str, ...]]:
    try:
        found = parse_qs(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="replace",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError as error:
        raise BodyError(400, "BadForm", f"the form cannot be read: {error}") from error
    return {name: tuple(values) for name, values in found.items()}


def _parts(kind: str, body: bytes) -> Form:
    head = f"Content-Type: {kind}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    if not message.is_multipart():
        raise BodyError(400, "BadForm", "the form cannot be read: its parts have no boundary")
    values: dict[str, tuple[str, ...]] = {}
    files: dict[str, tuple[GivenFile, ...]] = {}
    for part in message.iter_parts():
        name = str(part.get_param("name", "", header="content-disposition"))
        content = cast(bytes, part.get_payload(decode=True)) or b""
        filename = part.get_filename()
        if filename is None:
            values[name] = (*values.get(name, ()), content.decode("utf-8", "replace"))
        elif filename or content:  # a file field that was left empty
            files[name] = (*files.get(name, ()), GivenFile(str(filename), content))
    return Form(values, files)
