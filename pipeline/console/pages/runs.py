"""Show the list of runs."""

from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from pipeline.console.context import console_of
from pipeline.console.rendering import Nav, page, redirect

if TYPE_CHECKING:
    from starlette.requests import Request

NAV = Nav("Runs", "/runs", 10)


def first(_request: "Request") -> Response:
    """Lead to the runs."""
    return redirect("/runs")


def runs(request: "Request") -> Response:
    """Show one page of the list, newest first."""
    found = console_of(request).place.run_page(_number(request.query_params.get("page", "")))
    return page(request, "runs.html", found=found, rows=found.rows)


def _number(text: str) -> int:
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) < 9 else 1


ROUTES = (Route("/", first), Route("/runs", runs))
