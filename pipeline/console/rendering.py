"""Render the pages: everything escaped, nothing forgotten in silence."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.console.security import csrf_of

if TYPE_CHECKING:
    from jinja2 import Environment
    from starlette.requests import Request
    from starlette.responses import Response

_TEMPLATES = Path(__file__).parent / "templates"
REPORT_TEMPLATES = Path(__file__).parents[1] / "report" / "templates"


@dataclass(frozen=True)
class Nav:
    """A page's entry in the navigation, by rising `place`."""

    title: str
    path: str
    place: int


def page(request: "Request", template: str, *, status: int = 200, **values: Any) -> "Response":
    """Answer with a page; its template extends base.html and may use what `_shared` has."""
    from starlette.responses import HTMLResponse

    text = environment().get_template(template).render(**_shared(request), **values)
    return HTMLResponse(text.encode("utf-8", "replace"), status)


def redirect(address: str) -> "Response":
    """Answer a deed by showing another page, which can be loaded again without doing it again."""
    from starlette.responses import RedirectResponse

    return RedirectResponse(address, 303)


def _shared(request: "Request") -> dict[str, Any]:
    path = request.url.path
    navigation: tuple[Nav, ...] = request.app.state.navigation
    here = [one for one in navigation if f"{path}/".startswith(f"{one.path.rstrip('/')}/")]
    return {
        "csrf": csrf_of(request),
        "navigation": navigation,
        "here": max(here, key=lambda one: len(one.path), default=None),
        "console": request.app.state.console,
    }


@cache
def environment() -> "Environment":
    """Return the environment of the templates, with the report's words and numbers as filters."""
    from jinja2 import (
        ChoiceLoader,
        Environment,
        FileSystemLoader,
        PrefixLoader,
        StrictUndefined,
    )

    from pipeline.report.page import formatting, markup

    report = PrefixLoader({"report": FileSystemLoader(REPORT_TEMPLATES)})
    made = Environment(
        loader=ChoiceLoader([FileSystemLoader(_TEMPLATES), report]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters = (
        formatting.percent, formatting.number, formatting.size, formatting.duration,
        formatting.when, formatting.plural, formatting.rule_message, formatting.sentence,
        markup.breakable, markup.picture_address, markup.short_value, markup.state_class,
        markup.state_word,
    )  # fmt: skip
    made.filters.update({function.__name__: function for function in filters})
    return made
