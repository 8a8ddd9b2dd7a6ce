"""Filter, sort and page every List operation in one way."""

import base64
import binascii
import json
import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pipeline.local.service.operations.context import Handler, OperationContext, invalid, select
from pipeline.local.service.shapes import find_problems, service_model, without_none
from pipeline.local.store import Document

Test = Callable[[Document, Any], bool]
Place = tuple[float, str, str]

_PAGE = 10
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Listing:
    """The way that documents of one kind are listed.

    `name` and `status` are the members that hold them; `sort` and `descending` are the order where
    the request names none. `filters` tell whether a document passes, by the request member that
    asks. `find` returns the documents to start from, where that is not simply all of the kind.
    """

    kind: str
    name: str
    status: str = ""
    sort: str = "CreationTime"
    descending: bool = False
    find: Callable[[OperationContext, Document], list[Document]] | None = None
    filters: dict[str, Test] = field(default_factory=dict)


def list_operation(operation: str, listing: Listing) -> Handler:
    """Create the handler of a List operation; its summaries have the API's own members."""

    def handle(context: OperationContext, params: Document) -> Document:
        output = service_model().operation_model(operation).output_shape
        (member,) = [name for name in output.members if name != "NextToken"]
        summary = output.members[member].member
        found = listing.find(context, params) if listing.find else context.store.list(listing.kind)
        placed = [(_place(d, params, listing), d) for d in _matching(found, params, listing)]
        page, token = page_of(placed, params, _is_descending(params, listing))
        answer: Document = {member: list(_summaries(context, listing, summary, page))}
        return answer | ({"NextToken": token} if token else {})

    return handle


def _summaries(
    context: OperationContext, listing: Listing, shape: Any, page: Sequence[Document]
) -> Iterator[Document]:
    """Yield the summary of each document; an odd one is left out, and named."""
    for document in page:
        name, summary = document.get(listing.name), without_none(select(shape, document))
        problem = next(iter(find_problems(shape, summary, limits=False)), "")
        if isinstance(name, str) and not problem:
            yield summary
        else:
            problem = problem or f"it has no {listing.name}"
            context.store.leave_out(listing.kind, str(name or "without a name"), problem)


def page_of(
    placed: Sequence[tuple[Place, Document]], params: Document, descending: bool = False
) -> tuple[list[Document], str | None]:
    """Return one page of documents in the order of their places, and the next page's token.

    The token holds the place of the page's last document and not a number, so that what is added
    or deleted in between neither repeats nor hides others. Raises ApiError for a foreign token.
    """
    ordered = sorted(placed, key=lambda item: item[0])
    places = [place for place, _ in ordered]
    if token := params.get("NextToken"):
        last = _read_token(token, params)
        cut = bisect_right(places, last) - (descending and last in places)
        ordered = ordered[:cut] if descending else ordered[cut:]
    if descending:
        ordered.reverse()
    page = ordered[: params.get("MaxResults", _PAGE)]
    more = len(page) < len(ordered)
    return [document for _, document in page], _token(page[-1][0], params) if more else None


def _matching(found: list[Document], params: Document, listing: Listing) -> list[Document]:
    tests = _common_filters(listing) | listing.filters
    asked = [(tests[name], value) for name, value in params.items() if name in tests]
    unknown = set(params) - set(tests) - {"NextToken", "MaxResults", "SortBy", "SortOrder"}
    if unknown:
        raise invalid(f"{min(unknown)} is not supported by the local service: leave it out.")
    return [document for document in found if all(test(document, value) for test, value in asked)]


def _common_filters(listing: Listing) -> dict[str, Test]:
    def after(member: str) -> Test:
        return lambda document, value: _time(document, member) > value

    def before(member: str) -> Test:
        return lambda document, value: _time(document, member) < value

    filters = {
        "CreationTimeAfter": after("CreationTime"),
        "CreationTimeBefore": before("CreationTime"),
        "CreatedAfter": after("CreationTime"),
        "CreatedBefore": before("CreationTime"),
        "LastModifiedTimeAfter": after("LastModifiedTime"),
        "LastModifiedTimeBefore": before("LastModifiedTime"),
        "NameContains": lambda document, value: (
            value.lower() in str(document.get(listing.name, "")).lower()
        ),
    }
    if listing.status:
        filters["StatusEquals"] = lambda document, value: document.get(listing.status) == value
    return filters


def _is_descending(params: Document, listing: Listing) -> bool:
    return bool(params.get("SortOrder", "Descending" if listing.descending else "") == "Descending")


def _place(document: Document, params: Document, listing: Listing) -> Place:
    asked: str = params.get("SortBy", listing.sort)
    value = document.get({"Name": listing.name, "Status": listing.status}.get(asked, asked))
    if isinstance(value, datetime):
        value = value.timestamp()
    name = str(document.get(listing.name, ""))
    return (
        (value, "", name) if isinstance(value, int | float) else (-math.inf, str(value or ""), name)
    )


def _time(document: Document, member: str) -> datetime:
    value = document.get(member)
    return value if isinstance(value, datetime) else _FIRST


def _query(params: Document) -> str:
    asked = {name: params[name] for name in params if name not in ("NextToken", "MaxResults")}
    return json.dumps(asked, sort_keys=True, default=str)


def _token(place: Place, params: Document) -> str:
    return base64.urlsafe_b64encode(json.dumps([*place, _query(params)]).encode()).decode()


def _read_token(token: str, params: Document) -> Place:
    try:
        number, text, name, query = json.loads(base64.urlsafe_b64decode(token))
        place = (float(number), str(text), str(name))
    except (binascii.Error, ValueError, TypeError):
        raise invalid("Invalid pagination token.") from None
    if query != _query(params):
        raise invalid("Invalid pagination token.")
    return place
