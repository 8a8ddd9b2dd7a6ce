"""Show the pictures of a run that a person should see, and keep what is decided about each."""

import shlex
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from pipeline.command_line.running import from_here
from pipeline.console.context import Console, console_of
from pipeline.console.forms import Form, form_of
from pipeline.console.pages.data import page_number, prepared_of
from pipeline.console.rendering import page, redirect
from pipeline.console.reviewing import DECIDED, KINDS, Desk, desk_of, open_reviewing
from pipeline.console.run_decisions import arguments_with, command_for, named_file, option_of
from pipeline.console.starting import start_run
from pipeline.errors import UsageError
from pipeline.review.deciding import Reviewing, Wish

if TYPE_CHECKING:
    from starlette.requests import Request

    from pipeline.console.prepared import Prepared

_ON_A_PAGE = 20
_REFUSED = 409
_DECISION = "decision."  # of a field, before a content


def show(request: "Request") -> Response:
    """Show a page of one kind; where none is asked for, the first with something undecided."""
    from pipeline.report.sources.source import Absent

    try:
        reviewing = _reviewing(request)
    except Absent as error:
        run = request.path_params["run"]
        return page(request, "review.html", run=run, desk=None, why=str(error))
    return _page(request, reviewing)


def decide(request: "Request") -> Response:
    """Keep what a page's form says, all of it or nothing."""
    form, reviewing = form_of(request), _there(request)
    kind, number = form.get("kind"), form.get("page")
    try:
        kept = reviewing.decide(_wishes(form))
    except UsageError as error:
        return _page(request, reviewing, form, str(error))
    if form.get("then") == "next" and number.isascii() and number.isdecimal():
        number = str(int(number[:8]) + 1)
    address = _address(request.path_params["run"])
    return redirect(f"{address}?kind={quote(kind)}&page={quote(number)}&kept={kept}")


def start(request: "Request") -> Response:
    """Start the run's command once more, with the decisions as they are now."""
    console, reviewing = console_of(request), _there(request)
    arguments = _arguments(console, request.path_params["run"], reviewing)
    if arguments is None:
        raise UsageError("nobody wrote down which command started this run: start one by hand")
    if not reviewing.write().decided():
        raise UsageError("nothing is decided yet, so another run would do the same again")
    return redirect(f"/started/{start_run(console.state, arguments)}")


def _page(
    request: "Request", reviewing: Reviewing, tried: Form | None = None, problem: str = ""
) -> Response:
    """Show the pictures; `tried` is a form that could not be kept, and `problem` says why."""
    console, run, desk = console_of(request), request.path_params["run"], desk_of(reviewing)
    asked = tried.get("kind") if tried else request.query_params.get("kind", "")
    counts = {count.kind: count for count in desk.counts()}
    first = next((kind for kind in KINDS if counts[kind].pictures), DECIDED)
    kind = asked if asked in KINDS else first
    last = max(1, -(-counts[kind].pictures // _ON_A_PAGE))
    number = min(last, _number(request, desk, kind, tried))
    arguments = _arguments(console, run, reviewing)
    return page(
        request, "review.html",
        status=_REFUSED if problem else 200,
        run=run,
        desk=desk,
        review=reviewing.review,
        counts=counts.values(),
        kind=kind,
        title=KINDS[kind],
        doubts=desk.doubts(kind, _prepared(request), (number - 1) * _ON_A_PAGE, _ON_A_PAGE),
        number=number,
        last=last,
        kept=request.query_params.get("kept", ""),
        tried=tried,
        problem=problem,
        decisions=from_here(reviewing.path),
        is_named=named_file(console) == reviewing.path,
        can_start=arguments is not None,
        command=_typed(arguments, reviewing),
        why="",
    )  # fmt: skip


def _number(request: "Request", desk: Desk, kind: str, tried: Form | None) -> int:
    """Return the page that is asked for, else the first with something undecided."""
    if tried:
        text = tried.get("page")
        return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) < 9 else 1
    if "page" in request.query_params:
        return page_number(request)
    return desk.first_undecided(kind) // _ON_A_PAGE + 1


def _wishes(form: Form) -> list[Wish]:
    contents = [name.removeprefix(_DECISION) for name in form.values if name.startswith(_DECISION)]
    return [
        Wish(
            content=content,
            decision=form.get(f"{_DECISION}{content}"),
            new_class=form.get(f"class.{content}").strip(),
            seen=form.get(f"seen.{content}"),
            proposed=form.get(f"proposed.{content}").strip(),
        )
        for content in contents
    ]


def _reviewing(request: "Request") -> Reviewing:
    """Open the review of the address. Raises Absent, UsageError."""
    return open_reviewing(console_of(request), request.path_params["run"])


def _there(request: "Request") -> Reviewing:
    """Open the review that a form is about. Raises UsageError where there is none."""
    from pipeline.report.sources.source import Absent

    try:
        return _reviewing(request)
    except Absent as error:
        raise UsageError(str(error)) from error


def _prepared(request: "Request") -> "Prepared | None":
    """Open the pictures of the run; None where they cannot be shown any more."""
    from pipeline.report.sources.source import Absent

    try:
        return prepared_of(console_of(request), request.path_params["run"])
    except Absent:
        return None


def _arguments(console: Console, run: str, reviewing: Reviewing) -> list[str] | None:
    """Return the arguments of the run's command with its decisions; None where it is not known."""
    return arguments_with(command_for(console, run), reviewing.path, console.state)


def _typed(arguments: list[str] | None, reviewing: Reviewing) -> str:
    """Return what to type for a run with the decisions: all of it, or the one option."""
    if arguments is None:
        return shlex.quote(option_of(reviewing.path))
    return shlex.join(["python", "-m", "pipeline.run", *arguments])


def _address(run: str) -> str:
    return f"/data/{quote(run, safe='')}/review"


ROUTES = ()
HERE = (
    Route("/data/{run}/review", show),
    Route("/data/{run}/review", decide, methods=["POST"]),
    Route("/data/{run}/review/start", start, methods=["POST"]),
)
