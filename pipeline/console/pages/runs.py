"""Show the list of runs."""

from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from pipeline.console.context import console_of
from pipeline.console.rendering import Nav, page, redirect
from pipeline.console.run_list import EXECUTION, RunRow, list_rows

if TYPE_CHECKING:
    from starlette.requests import Request

NAV = Nav("Runs", "/runs", 10)
_PAGE = 25


def first(_request: "Request") -> Response:
    """Lead to the runs."""
    return redirect("/runs")


def runs(request: "Request") -> Response:
    """Show one page of the list, newest first."""
    console = console_of(request)
    rows: list[RunRow] = []
    number, last = 1, 1
    if console.has_state:
        last = max(1, -(-console.store.count(EXECUTION) // _PAGE))
        number = min(_number(request.query_params.get("page", "")), last)
        rows = list_rows(console.store, _PAGE, _PAGE * (number - 1))
    return page(request, "runs.html", rows=rows, number=number, last=last)


def _number(text: str) -> int:
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) < 9 else 1


ROUTES = (Route("/", first), Route("/runs", runs))
