"""Show the endpoints, ask them about pictures, measure them, serve and delete them."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from pipeline.console.asking import (
    BENCH_LEVELS,
    BENCH_SECONDS,
    MOST_BYTES,
    MOST_PICTURES,
    Answer,
    Opener,
    ask_about,
    bench_with,
)
from pipeline.console.context import console_of
from pipeline.console.endpoint_charts import minute_charts
from pipeline.console.forms import GivenFile, form_of, takes
from pipeline.console.rendering import Nav, page, redirect
from pipeline.endpoint.overview import EndpointView

if TYPE_CHECKING:
    from starlette.requests import Request

    from pipeline.endpoint.bench import Level

NAV = Nav("Endpoints", "/endpoints", 30)
_FIELD, _WHY = "pictures", "explain"
_FORM_BYTES = 64 * 1024  # of a form besides its files
_UNFOLDED, _LONGEST = 20, 1000  # classes of a distribution: a model's own code says how many


def endpoints(request: "Request") -> Response:
    """Show all of them, and whether the local service runs."""
    place = console_of(request).place
    return page(request, "endpoints.html", rows=place.endpoints(), url=place.service())


def endpoint(request: "Request") -> Response:
    """Show its state and numbers, and a form to ask it."""
    return _endpoint_page(request)


@takes(MOST_BYTES + _FORM_BYTES)
def ask(request: "Request") -> Response:
    """Answer a form of pictures with what the endpoint says of each."""
    pictures = _pictures(request)
    if not pictures:
        return _endpoint_page(request, problem="Choose a picture first.")
    if len(pictures) > MOST_PICTURES:
        many = f"{len(pictures)} pictures are too many at once: at most {MOST_PICTURES}"
        return _endpoint_page(request, problem=f"{many}; predict --csv asks about folders.")
    before, _ = _find(request)
    explain = bool(form_of(request).get(_WHY))
    answers = ask_about(_opener(request), pictures, explain=explain)
    return _endpoint_page(
        request, answers=answers, loaded_now=before.counts and before.counted is None
    )


@takes(MOST_BYTES + _FORM_BYTES)
def bench(request: "Request") -> Response:
    """Answer with a measurement of the endpoint, with the form's pictures or a grey one."""
    pictures = _pictures(request)[:MOST_PICTURES]
    levels = bench_with(_opener(request), pictures)
    return _endpoint_page(request, levels=levels, measured_with=len(pictures))


def start(request: "Request") -> Response:
    """Serve, as `python -m pipeline.endpoint serve` does."""
    from pipeline.console.service import start_serving

    start_serving(console_of(request).store.root)
    return redirect("/endpoints")


def stop(request: "Request") -> Response:
    """End the service that runs."""
    from pipeline.console.service import stop_serving

    stop_serving(console_of(request).store.root)
    return redirect("/endpoints")


def delete(request: "Request") -> Response:
    """Delete an endpoint, as `python -m pipeline.endpoint delete` does, and show the others."""
    from pipeline.endpoint.invoker import delete_endpoint
    from pipeline.target import local_target, readable_errors

    with readable_errors():
        # a live service hears of it
        delete_endpoint(local_target(console_of(request).state), request.path_params["name"])
    return redirect("/endpoints")


def _endpoint_page(
    request: "Request",
    *,
    answers: Sequence[Answer] = (),
    loaded_now: bool = False,
    levels: "Sequence[Level]" = (),
    measured_with: int = 0,
    problem: str = "",
) -> Response:
    found, url = _find(request)
    return page(
        request, "endpoint.html",
        status=400 if problem else 200,
        one=found,
        minute_charts=minute_charts(found.hour) if found.hour else [],
        url=url,
        path=f"/endpoints/{quote(found.name, safe='')}",
        unfolded=_UNFOLDED,
        longest=_LONGEST,
        most=MOST_PICTURES,
        largest=MOST_BYTES,
        bench_levels=BENCH_LEVELS,
        bench_seconds=BENCH_SECONDS,
        answers=answers,
        explain=bool(answers and form_of(request).get(_WHY)),
        loaded_now=loaded_now,
        levels=levels,
        measured_with=measured_with,
        problem=problem,
    )  # fmt: skip


def _find(request: "Request") -> tuple[EndpointView, str | None]:
    """Return the endpoint of the address and the live service's URL. Raises HTTPException."""
    place = console_of(request).place
    found = place.endpoint(request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    return found, place.service()


def _pictures(request: "Request") -> list[GivenFile]:
    return list(form_of(request).files.get(_FIELD, ()))


def _opener(request: "Request") -> Opener:
    return partial(console_of(request).place.asking, request.path_params["name"])


ROUTES = (
    Route("/endpoints", endpoints),
    Route("/endpoints/{name}", endpoint),
    Route("/endpoints/{name}/ask", ask, methods=["POST"]),
)
HERE = (
    Route("/endpoints/{name}/bench", bench, methods=["POST"]),
    Route("/service/start", start, methods=["POST"]),
    Route("/service/stop", stop, methods=["POST"]),
    Route("/endpoints/{name}/delete", delete, methods=["POST"]),
)
