"""Show two versions side by side."""

import re
from typing import TYPE_CHECKING

from starlette.routing import Route

from pipeline.console.calibration_chart import calibration_chart
from pipeline.console.group import group_of
from pipeline.console.registered import number_of, row_of
from pipeline.console.rendering import page
from pipeline.console.side_by_side import SideBySide, side_by_side
from pipeline.registry.confusions import Calibration
from pipeline.registry.versions import list_arns
from pipeline.target import readable_errors

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_COMMIT = re.compile(r"([0-9a-f]{40})(-dirty)?")
_MATRIX_CLASSES = 15  # above, what differs says more than two matrices


@readable_errors()
def compare(request: "Request") -> "Response":
    """Compare `first` with `second`; by default the newest version with the champion."""
    from pipeline.registry.comparison import compare_versions

    own, asked = group_of(request), request.query_params
    first, second = asked.get("first") or "newest", asked.get("second") or None
    found = compare_versions(own.target, own.name, first, second)
    shown = side_by_side(own, found)
    production = own.production()
    champion = own.champion(production)
    rows = [row_of(one, champion, production) for one in (found.first, found.second)]
    return page(
        request,
        "compare.html",
        group=own.name,
        numbers=list(list_arns(own.target, own.name)),
        champion=number_of(champion),
        shown=shown,
        rows=rows,
        code_command=_code_command(rows[1].commit, rows[0].commit),
        calibration_chart=calibration_chart(known) if (known := _known(shown)) else None,
        matrix_classes=_MATRIX_CLASSES,
    )


def _code_command(old: str, new: str) -> str:
    """Return the command that shows how the code changed; empty where git cannot know."""
    commits = [_COMMIT.fullmatch(commit) for commit in (old, new)]
    known = [commit[1] for commit in commits if commit]
    return f"git diff {known[0]} {known[1]}" if len(set(known)) == 2 else ""


def _known(shown: SideBySide) -> dict[str, Calibration]:
    """Return the calibrations that can be drawn, by the names of their versions."""
    versions = (shown.comparison.first, shown.comparison.second)
    return {
        f"version {version.number}": one
        for version, one in zip(versions, shown.calibrations, strict=True)
        if one and one.bins
    }


ROUTES = [Route("/registry/{group}/compare", compare)]
