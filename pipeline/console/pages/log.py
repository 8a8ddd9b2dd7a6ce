"""Show the log of a step or of one of its jobs: its end, which grows, or any other part."""

from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pipeline.aws.log_parts import Asked
from pipeline.console.context import console_of
from pipeline.console.rendering import page

if TYPE_CHECKING:
    from starlette.requests import Request


def log(request: "Request") -> Response:
    """Show a part of a log; with `from`, what came since that place, and in X-End where it ends."""
    console, query = console_of(request), request.query_params
    run, name = str(request.path_params["run"]), str(request.path_params["name"])
    since = query.get("from", "")
    if console.place.is_here and since.isascii() and since.isdecimal() and len(since) < 16:
        part = console.here.log_since(run, name, int(since))
        return PlainTextResponse(part.text.encode(), headers={"X-End": str(part.end)})
    asked = Asked(query.get("stream", ""), query.get("before", ""), query.get("after", ""))
    view = console.place.log(run, name, asked)
    return page(request, "log.html", run=run, view=view, asked=asked)


ROUTES = (Route("/runs/{run}/logs/{name:path}", log),)
