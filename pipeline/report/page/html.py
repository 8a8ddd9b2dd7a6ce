"""Render a run's report as one HTML file that needs no network, with its plots as PNG beside it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipeline.report.contents import RunReport
from pipeline.report.page import formatting, markup
from pipeline.report.page.highlights import about_finding, about_rule, adviser_of, notes
from pipeline.report.page.plots import Plot, draw_plots
from pipeline.report.sections import all_sections

REPORT_FILE = "report.html"
_TEMPLATES = Path(__file__).parents[1] / "templates"


@dataclass(frozen=True)
class SectionOnPage:
    """A section as the page shows it; links lead to `id`, `rows` is what its template needs."""

    id: str
    name: str
    title: str
    value: Any
    rows: Mapping[str, Any]


def render(report: RunReport, folder: Path) -> Path:
    """Write report.html and plots/*.png into `folder`, over what is there; return the page's path.

    Raises OSError when the folder cannot be written to.
    """
    plots = draw_plots(report, folder)
    path = folder / REPORT_FILE
    path.write_text(_page(report, plots), encoding="utf-8", errors="replace")
    return path


def load_templates() -> None:
    """Compile the report's templates, which takes a third of a second, before the first page."""
    environment = _environment()
    for name in environment.list_templates(["html"]):
        if name == "report.html" or name.startswith("sections/"):
            environment.get_template(name)


def render_page(template: str, **values: Any) -> str:
    """Return a page of another kind in the report's style, from its template; it runs no script."""
    css = Markup(_text("report.css"))  # noqa: S704  a file of this package
    return _environment().get_template(template).render(css=css, **values)


def _page(report: RunReport, plots: Mapping[str, Plot]) -> str:
    script = _text("report.js")
    adviser = adviser_of(report)
    return _environment().get_template("report.html").render(
        values={section.name: report.get(section) for section in all_sections()},
        run=report.run,
        plots=plots,
        sections=list(_sections_on_page(report)),
        notes=notes(report),
        about_rule=partial(about_rule, adviser),
        about_finding=partial(about_finding, adviser),
        missing=_missing(report),
        css=Markup(_text("report.css") + _text("dag.css")),  # noqa: S704  files of this package
        script=Markup(script),  # noqa: S704
        script_source=markup.source_of(script),
    )  # fmt: skip


def _sections_on_page(report: RunReport) -> Iterator[SectionOnPage]:
    """Yield the sections that the report has, in the order of the page."""
    for section in all_sections():
        if value := report.get(section):
            yield SectionOnPage(section.id, section.name, section.title, value, section.rows(value))


def _missing(report: RunReport) -> dict[str, list[str]]:
    """Group the titles of missing sections by the reason they share."""
    titles = {section.name: section.title for section in all_sections()}
    reasons: dict[str, list[str]] = {}
    for name, reason in report.missing.items():
        reasons.setdefault(reason, []).append(titles.get(name, name))
    return reasons


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (
        formatting.percent, formatting.number, formatting.large, formatting.size,
        formatting.duration, formatting.when, formatting.plural,
        formatting.rule_message, formatting.sentence, markup.picture_address, markup.svg,
        markup.breakable, markup.short_value, markup.state_class, markup.state_word,
    )  # fmt: skip
    environment.filters.update({function.__name__: function for function in filters})
    return environment


def _text(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")
