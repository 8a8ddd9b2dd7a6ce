"""Approve and reject a version, behind a page that says what that does to production."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from starlette.routing import Route

from pipeline.console.deciding import Decision
from pipeline.console.forms import form_of
from pipeline.console.group import Group, group_of
from pipeline.console.registered import number_of, row_of
from pipeline.console.rendering import page, redirect
from pipeline.endpoint.outlook import Outlook, on_approval, on_rejection
from pipeline.endpoint.production import Production, check_goal
from pipeline.errors import PipelineError, UsageError
from pipeline.registry.decisions import LONGEST_REASON, mark_of
from pipeline.registry.versions import Version
from pipeline.target import readable_errors

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_REFUSED = 409
_APPROVED = "Approved"


@dataclass(frozen=True)
class _Tried:
    """A decision that was not done: the reason that was given for it, and why it was not."""

    reason: str = ""
    problem: str = ""


_NOTHING = _Tried()


@readable_errors()
def decide(request: "Request", *, status: str) -> "Response":
    """Show what a decision about a version does; by POST, decide."""
    own = group_of(request)
    version = own.find(request.path_params["number"])
    if request.method != "POST":
        return _confirm(request, own, version, status)
    form = form_of(request)
    reason = " ".join(form.get("reason").split())
    try:
        _check_reason(reason)
        with readable_errors():
            check_goal(own.production(), form.get("goal"))
            decision = Decision(version, status, reason, form.get("seen"))
            own.place.decide(decision)
    except PipelineError as error:
        tried = _Tried(reason, str(error))
        return _confirm(request, own, own.find(version.number), status, tried)
    return redirect(f"{own.address}/{version.number}")


def _check_reason(reason: str) -> None:
    if not reason:
        raise UsageError("say why: the reason is kept with the version")
    if len(reason) > LONGEST_REASON:
        raise UsageError(
            f"the reason has {len(reason):,} characters; the registry keeps {LONGEST_REASON:,}"
        )


def _confirm(
    request: "Request", own: Group, version: Version, status: str, tried: _Tried = _NOTHING
) -> "Response":
    """Show what a decision does, and why it was not done when it was tried."""
    production = own.production()
    champion = own.champion(production)
    return page(
        request,
        "decision.html",
        status=_REFUSED if tried.problem else 200,
        group=own.name,
        version=version,
        row=row_of(version, champion, production),
        is_approval=status == _APPROVED,
        outlook=_outlook(own, production, version, status),
        champion=number_of(champion),
        comparison=own.compared(version, champion),
        seen=mark_of(version),
        goal=production.goal if production else "",
        tried=tried,
        longest=LONGEST_REASON,
    )


def _outlook(own: Group, production: Production | None, version: Version, status: str) -> Outlook:
    if status == _APPROVED:
        return on_approval(production, version.arn)
    return on_rejection(production, version.arn, own.approved())


_BOTH = ["GET", "POST"]
_OWN = "/registry/{group}/{number:int}"
ROUTES = [
    Route(f"{_OWN}/approve", partial(decide, status=_APPROVED), methods=_BOTH),
    Route(f"{_OWN}/reject", partial(decide, status="Rejected"), methods=_BOTH),
]
