"""Roll production back, behind a page that says what that does; deliver what waits."""

from typing import TYPE_CHECKING

from starlette.routing import Route

from pipeline.console.context import console_of
from pipeline.console.deciding import follow
from pipeline.console.forms import form_of
from pipeline.console.group import Group, group_of
from pipeline.console.rendering import page, redirect
from pipeline.endpoint.outlook import on_rollback, rollback_choices
from pipeline.endpoint.production import check_goal
from pipeline.errors import PipelineError, UsageError
from pipeline.target import readable_errors

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_REFUSED = 409


@readable_errors()
def rollback(request: "Request") -> "Response":
    """Show what rolling production back does; by POST, roll back."""
    own = group_of(request)
    if request.method != "POST":
        return _confirm(request, own, request.query_params.get("to", ""))
    form, production = form_of(request), own.production()
    wanted = form.get("to")
    try:
        if production is None:
            raise UsageError(f"nothing deploys {own.name} on this machine")
        if not (wanted.isascii() and wanted.isdecimal()):
            raise UsageError("name the version to go back to by its number")
        check_goal(production, form.get("goal"))
        own.place.roll_back(production.names.production, wanted)
    except PipelineError as error:
        return _confirm(request, own, wanted, str(error))
    return redirect(own.address)


def _confirm(request: "Request", own: Group, wanted: str, why: str = "") -> "Response":
    """Show what a rollback does; `why` says why it was not done."""
    production = own.production()
    choices = rollback_choices(production, own.approved())
    rows = own.rows(choices, own.champion(production), production)
    asked = [row for row in rows if str(row.version.number) == wanted]
    chosen = next(iter([*asked, *rows]), None)
    goal = production.goal if production else ""
    return page(
        request,
        "rollback.html",
        status=_REFUSED if why else 200,
        group=own.name,
        production=production,
        rows=rows,
        chosen=chosen.version.number if chosen else None,
        goal=goal,
        outlook=on_rollback(production, chosen.version.arn) if chosen and production else None,
        comparison=own.compared(chosen.version, goal or None) if chosen else "",
        problem=why,
    )


@readable_errors()
def deliver(request: "Request") -> "Response":
    """Deliver what waits for a group, where nobody else does."""
    own = group_of(request)
    follow(console_of(request).here.state, own.name)
    return redirect(own.address)


ROUTES = [
    Route("/registry/{group}/rollback", rollback, methods=["GET", "POST"]),
]
HERE = [Route("/registry/{group}/deliver", deliver, methods=["POST"])]
