"""Start a run on this machine: a form of the typed settings, and what became of it."""

from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pipeline.console.context import Console, console_of
from pipeline.console.forms import Form, form_of
from pipeline.console.logs import read_end, read_since
from pipeline.console.rendering import page, redirect
from pipeline.console.run_list import EXECUTION
from pipeline.console.starting import Started, read_started, start_run
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from starlette.requests import Request

_PREFIX = "set."  # of a setting's field; what is asked for besides has none


def ask(request: "Request") -> Response:
    """Show the form."""
    return _form(request, Form())


def start(request: "Request") -> Response:
    """Start a run with what the form says, or show what is wrong with it."""
    from pipeline.console.fields import check_overrides, field_groups, overrides_of

    console, form = console_of(request), form_of(request)
    overrides = overrides_of(*field_groups(console.settings, _given(form)))
    try:
        check_overrides(console.settings, overrides)
    except UsageError as error:
        return _form(request, form, str(error))
    arguments = ["--local", f"--settings={console.settings}"]
    if data := form.get("data").strip():
        arguments.append(f"--data={data}")
    arguments += [f"--set={text}" for text in overrides]
    token = start_run(console.state, [*arguments, f"--state={console.state}"])
    return redirect(f"/started/{token}")


def show(request: "Request") -> Response:
    """Show what a started command prints, until its run has begun, and after it ended."""
    console, token = console_of(request), str(request.path_params["token"])
    found = _with_run_there(console, read_started(console.state, token))
    since = request.query_params.get("from", "")
    if since.isascii() and since.isdecimal() and len(since) < 16:
        part = read_since(found.log, int(since))
        return PlainTextResponse(part.text.encode(), headers={"X-End": str(part.end)})
    return page(request, "started.html", started=found, part=read_end(found.log))


def _with_run_there(console: Console, found: Started) -> Started:
    """Leave the run out until it can be shown: it holds its lock before the state knows it."""
    known = found.run and console.has_state and console.store.get(EXECUTION, found.run)
    return found if known else replace(found, run=None)


def _form(request: "Request", form: Form, problem: str = "") -> Response:
    from pipeline.console.fields import field_groups

    common, rest = field_groups(console_of(request).settings, _given(form))
    values = {"common": common, "rest": rest, "data": form.get("data"), "problem": problem}
    return page(request, "start.html", status=400 if problem else 200, prefix=_PREFIX, **values)


def _given(form: Form) -> dict[str, str]:
    return {
        name.removeprefix(_PREFIX): values[0]
        for name, values in form.values.items()
        if name.startswith(_PREFIX) and values
    }


ROUTES = ()
HERE = (
    Route("/start", ask),
    Route("/start", start, methods=["POST"]),
    Route("/started/{token}", show),
)
