"""Show the registry: a group's versions, what they reach, and where they run."""

from typing import TYPE_CHECKING

from starlette.routing import Route

from pipeline.console.context import console_of
from pipeline.console.group import Group, group_of, open_group
from pipeline.console.registered import number_of
from pipeline.console.rendering import Nav, page
from pipeline.registry.versions import list_arns
from pipeline.target import readable_errors

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

NAV = Nav("Registry", "/registry", 20)


@readable_errors()
def registry(request: "Request") -> "Response":
    """Show the versions of the only group, or the groups there are."""
    place = console_of(request).place
    names = place.groups()
    if len(names) == 1:
        return _versions(request, open_group(place, names[0]))
    return page(request, "registry.html", groups=names, group="")


@readable_errors()
def group(request: "Request") -> "Response":
    """Show the versions of a group, newest first."""
    return _versions(request, group_of(request))


def _versions(request: "Request", own: Group) -> "Response":
    arns = list_arns(own.target, own.name)
    most = own.place.rows
    last = max(1, -(-len(arns) // most))
    number = min(last, _number(request.query_params.get("page", "1")))
    shown = list(arns.values())[(number - 1) * most : number * most]
    progress = own.progress()
    champion = own.champion(progress.production)
    return page(
        request,
        "registry.html",
        groups=own.place.groups(),
        group=own.name,
        rows=own.rows(shown, champion, progress.production),
        numbers=list(arns),
        champion=number_of(champion),
        number=number,
        last=last,
        progress=progress,
    )


def _number(text: str) -> int:
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) < 9 else 1


ROUTES = [Route("/registry", registry), Route("/registry/{group}", group)]
