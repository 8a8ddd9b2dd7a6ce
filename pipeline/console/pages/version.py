"""Show one version: what it reached, what was decided about it, where it runs."""

from typing import TYPE_CHECKING

from starlette.routing import Route

from pipeline.comparing.measured import metric_value
from pipeline.comparing.view import chosen_rows
from pipeline.console.group import group_of
from pipeline.console.registered import number_of, row_of
from pipeline.console.rendering import page
from pipeline.registry.lineage import card_of
from pipeline.registry.versions import Version
from pipeline.target import readable_errors

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


@readable_errors()
def version(request: "Request") -> "Response":
    """Show a version of a group."""
    from pipeline.registry.origins import Origins

    own = group_of(request)
    found, progress = own.find(request.path_params["number"]), own.progress()
    champion, defaults = own.champion(progress.production), own.place.defaults()
    chosen = Origins(own.target.sagemaker, defaults).made(found).chosen
    return page(
        request,
        "version.html",
        group=own.name,
        version=found,
        row=row_of(found, champion, progress.production),
        champion=number_of(champion),
        progress=progress,
        has_report=found.run is not None and own.place.has_report(found.run),
        settings=list(chosen_rows(chosen, defaults)) if chosen else [],
        metrics=_metrics(found),
        classes=_classes(found),
        card=card_of(found),
    )


def _metrics(found: Version) -> list[tuple[str, float]]:
    values = [(name, metric_value(found.evaluation, name)) for name in found.measured.metrics]
    return [
        (name, value)
        for name, value in values
        if value is not None and name != "accuracy" and "constant" not in name
    ]


def _classes(found: Version) -> list[tuple[str, float, int]]:
    """Return (class, recall, pictures), the least recognised first."""
    classes = found.measured.metrics.get("per_class")
    known = [
        (name, float(facts["recall"]), int(facts.get("count") or 0))
        for name, facts in (classes.items() if isinstance(classes, dict) else ())
        if isinstance(facts, dict) and isinstance(facts.get("recall"), int | float)
    ]
    return sorted(known, key=lambda one: (one[1], one[0]))


ROUTES = [Route("/registry/{group}/{number:int}", version)]
