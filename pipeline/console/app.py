"""Put the pages together to one application, behind its guard."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pipeline.console import pages
from pipeline.console.context import Console, console_of, elsewhere
from pipeline.console.events import events
from pipeline.console.forms import maximum_of, read_form
from pipeline.console.rendering import REPORT_TEMPLATES, page
from pipeline.console.security import CSRF_FIELD, Guard, Keys, is_from_our_page
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

_STATIC = Path(__file__).parent / "static"
_FORBIDDEN, _BAD_GATEWAY = 403, 502


def create_app(console: Console, keys: Keys) -> "Starlette":
    """Create the console's application: the pages' routes, the static files and the events."""
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    from inference_code.server.model_server.bodies import BodyError
    from pipeline.errors import PipelineError

    found = list(_modules())
    routes = [guarded(route) for module in found for route in _routes(module, console)]
    own = [
        Route("/events", events),
        Route("/static/dag.css", _drawing),
        Mount("/static", StaticFiles(directory=_STATIC)),
    ]
    application = Starlette(
        routes=[*routes, *own],
        exception_handlers={
            PipelineError: _say_why,
            BodyError: _say_why,
            HTTPException: _say_http,
            **_of_aws(console),
        },
    )
    application.state.console = console
    shown = [module for module in found if module.ROUTES or console.place.is_here]
    navigation = [module.NAV for module in shown if hasattr(module, "NAV")]
    application.state.navigation = tuple(sorted(navigation, key=lambda one: one.place))
    application.add_middleware(Guard, keys=keys)
    return application


def _modules() -> Iterator[ModuleType]:
    """Import every file of pages/: each has ROUTES, and NAV where the navigation leads to it."""
    for found in pkgutil.iter_modules(pages.__path__):
        yield importlib.import_module(f"{pages.__name__}.{found.name}")


def _routes(module: ModuleType, console: Console) -> Iterator["Route"]:
    """Yield the routes of a page; elsewhere those of this machine only say what they are."""
    from starlette.routing import Route

    yield from module.ROUTES
    for route in getattr(module, "HERE", ()):
        if console.place.is_here:
            yield route
        else:
            yield Route(route.path, _only_here, methods=list(route.methods or ()))


def _only_here(request: "Request") -> "Response":
    raise elsewhere(console_of(request).place)


def guarded(route: "Route") -> "Route":
    """Return a route whose deeds are done only for a form of ours; what only reads stays as is."""
    from starlette.routing import Route

    methods = set(route.methods or ())
    if not methods - {"GET", "HEAD"}:
        return route
    return Route(route.path, _deed(route.endpoint), methods=list(methods), name=route.name)


def _deed(view: Callable[..., Any]) -> Callable[..., Any]:
    from starlette.concurrency import run_in_threadpool
    from starlette.exceptions import HTTPException

    async def checked(request: "Request") -> Any:
        if request.method not in ("GET", "HEAD"):
            form = await read_form(request, maximum_of(view))
            if not is_from_our_page(request, form.get(CSRF_FIELD)):
                raise HTTPException(403, "This form is out of date: load the page again.")
            request.state.form = form
            console_of(request).place.look_again()
        return await run_in_threadpool(view, request)

    return checked


def _drawing(_request: "Request") -> "Response":
    """Answer with the style of a run's graph, which is the report's."""
    from starlette.responses import FileResponse

    return FileResponse(REPORT_TEMPLATES / "dag.css")


async def _say_why(request: "Request", error: Exception) -> "Response":
    usage = 404 if request.method in ("GET", "HEAD") else 400
    status = getattr(error, "status", usage if isinstance(error, UsageError) else 500)
    return page(request, "error.html", status=status, message=str(error))


def _of_aws(console: Console) -> dict[type[Exception], Callable[..., Any]]:
    """Return what answers errors of AWS. Here there are none, and botocore is slow to load."""
    if console.place.is_here:
        return {}
    from botocore.exceptions import BotoCoreError, ClientError

    from pipeline.aws.errors import AwsAccessError, AwsError, explain

    async def say(request: "Request", error: Exception) -> "Response":
        found = explain(error, getattr(error, "operation_name", "asking AWS"))
        return await say_found(request, found)

    async def say_found(request: "Request", error: Exception) -> "Response":
        status = _FORBIDDEN if isinstance(error, AwsAccessError) else _BAD_GATEWAY
        return page(request, "error.html", status=status, message=str(error))

    own = dict.fromkeys((AwsAccessError, AwsError), say_found)
    return {**own, ClientError: say, BotoCoreError: say}


async def _say_http(request: "Request", error: Exception) -> "Response":
    status = getattr(error, "status_code", 500)
    words = {404: "There is no such page.", 405: "This address is not for that."}
    message = words.get(status, str(getattr(error, "detail", error)))
    return page(request, "error.html", status=status, message=message)
