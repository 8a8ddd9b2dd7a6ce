"""Show the data set of a run: classes, pictures, what was refused, what is there twice."""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from pipeline.console.context import Console, console_of
from pipeline.console.prepared import Prepared
from pipeline.console.rendering import Nav, page, redirect

if TYPE_CHECKING:
    from starlette.requests import Request

NAV = Nav("Data", "/data", 40)
_SAMPLES = 12
_OF_A_CLASS = 24
_UNFOLDED = 30  # rows of a table
_COPIES = 100
_LONGEST_SEARCH = 100


@dataclass(frozen=True)
class ClassRow:
    """A class by its number, with its pictures in each split and in all."""

    number: int
    name: str
    counts: tuple[int, ...]
    total: int


def newest(request: "Request") -> Response:
    """Lead to the data set of the run asked for, or of the newest that has one."""
    place = console_of(request).place
    wanted = request.query_params.get("run") or place.newest_data()
    if not wanted:
        runs = place.data_runs()
        return page(request, "data.html", runs=runs, chosen="", found=None, why="")
    return redirect(f"/data/{quote(wanted, safe='')}")


def data(request: "Request") -> Response:
    """Show the data set of a run."""
    from pipeline.console.reviewing import summary_of
    from pipeline.report.sources.source import Absent

    console, wanted = console_of(request), request.path_params["run"]
    runs = console.place.data_runs()
    try:
        found = prepared_of(console, wanted)
    except Absent as error:
        return page(request, "data.html", runs=runs, chosen=wanted, found=None, why=str(error))
    search = request.query_params.get("q", "")[:_LONGEST_SEARCH]
    sort = request.query_params.get("sort", "")
    copies = found.copies()
    return page(
        request, "data.html",
        runs=runs,
        chosen=wanted,
        found=found,
        splits=list(found.dataset.counts),
        rows=class_rows(found, search, sort),
        unfolded=_UNFOLDED,
        search=search,
        sort=sort,
        samples=found.some(_SAMPLES),
        copies=copies[:_COPIES],
        more_copies=len(copies[_COPIES:]),
        reviewed=summary_of(console, wanted),
        why="",
    )  # fmt: skip


def one_class(request: "Request") -> Response:
    """Show the pictures of a class, so many a page."""
    run, number = request.path_params["run"], request.path_params["number"]
    found = _there(request)
    if number >= len(found.dataset.classes):
        raise HTTPException(404)
    pictures = found.of_class(number)
    pages = max(1, -(-len(pictures) // _OF_A_CLASS))
    shown = min(page_number(request), pages)
    return page(
        request, "data_class.html",
        run=run,
        number=number,
        name=found.dataset.classes[number],
        total=len(pictures),
        pictures=pictures[(shown - 1) * _OF_A_CLASS : shown * _OF_A_CLASS],
        lacking=found.lacking,
        shown=shown,
        pages=pages,
    )  # fmt: skip


def picture(request: "Request") -> Response:
    """Answer with a picture of the run's own index, small, as Prepare decoded it."""
    from pipeline.report.sources.source import Absent

    place, found = request.path_params, _there(request)
    try:
        content = found.thumbnail(place["split"], place["row"])
    except (LookupError, Absent, ValueError) as error:
        raise HTTPException(404) from error
    return Response(content, media_type="image/jpeg")


def page_number(request: "Request") -> int:
    """Return the page that an address asks for; 1 for what is no number."""
    text = request.query_params.get("page", "")
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) < 9 else 1


def class_rows(found: Prepared, search: str, sort: str) -> list[ClassRow]:
    """Return the classes whose names hold `search`, sorted by name, a split, or `all`."""
    from pipeline.report.sections.dataset import count_rows

    wanted = search.strip().casefold()
    rows = [
        ClassRow(number, row.name, row.counts, row.total)
        for number, row in enumerate(count_rows(found.dataset))
        if wanted in row.name.casefold()
    ]
    splits = list(found.dataset.counts)
    if sort in splits:
        rows.sort(key=lambda row: -row.counts[splits.index(sort)])
    elif sort == "all":
        rows.sort(key=lambda row: -row.total)
    return rows


def _there(request: "Request") -> Prepared:
    """Return the data set of the address. Raises HTTPException where there is none to show."""
    from pipeline.report.sources.source import Absent

    try:
        return prepared_of(console_of(request), request.path_params["run"])
    except Absent as error:
        raise HTTPException(404) from error


def prepared_of(console: Console, run: str) -> Prepared:
    """Open the data set of a run. Raises Absent, and UsageError where there is no such run."""
    return console.place.prepared(run)


ROUTES = (
    Route("/data", newest),
    Route("/data/{run}", data),
    Route("/data/{run}/class/{number:int}", one_class),
    Route("/data/{run}/{split}/{row:int}.jpg", picture),
)
