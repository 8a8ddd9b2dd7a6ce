"""Render a run's report as one HTML file that needs no network, with its plots as PNG beside it."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipeline.report.contents import RunReport
from pipeline.report.page import formatting, rows
from pipeline.report.page.dag import draw_dag
from pipeline.report.page.highlights import notes
from pipeline.report.page.plots import Plot, draw_plots

REPORT_FILE = "report.html"
_TEMPLATES = Path(__file__).parents[1] / "templates"
_WIDEST_DAG = 1200  # CSS pixels: a wider one is drawn downwards on every screen


@dataclass(frozen=True)
class Section:
    """A section of the page, shown when the report's `field` is not empty; links lead to `id`."""

    id: str
    title: str
    field: str


SECTIONS = (
    Section("steps", "Steps", "steps"),
    Section("test", "Test results", "evaluation"),
    Section("training", "Training", "history"),
    Section("tuning", "Tuning", "tuning"),
    Section("rules", "Debugger rules", "rules"),
    Section("tensors", "Gradients and updates", "tensors"),
    Section("profile", "Where the time went", "profile"),
    Section("dataset", "Data set", "dataset"),
    Section("model", "Model", "model"),
    Section("reproduction", "How to make it again", "reproduction"),
    Section("files", "Files", "files"),
)


def render(report: RunReport, folder: Path) -> Path:
    """Write report.html and plots/*.png into `folder`, over what is there; return the page's path.

    Raises OSError when the folder cannot be written to.
    """
    plots = draw_plots(report, folder)
    path = folder / REPORT_FILE
    path.write_text(_page(report, plots), encoding="utf-8", errors="replace")
    return path


def _page(report: RunReport, plots: Mapping[str, Plot]) -> str:
    script = _text("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    across, downwards = draw_dag(report.steps, False), draw_dag(report.steps, True)
    return _environment().get_template("report.html").render(
        report=report,
        run=report.run,
        plots=plots,
        sections=_sections(report),
        notes=notes(report),
        missing=_missing(report),
        steps=rows.step_rows(report.steps),
        across=across if across.width <= _WIDEST_DAG else downwards,
        downwards=downwards,
        css=Markup(_text("report.css")),  # noqa: S704  files of this package
        script=Markup(script),  # noqa: S704
        script_digest=digest,
    )  # fmt: skip


def _sections(report: RunReport) -> list[Section]:
    """Return the sections that the report has, in the order of the page."""
    return [section for section in SECTIONS if getattr(report, section.field)]


def _missing(report: RunReport) -> dict[str, list[str]]:
    """Group the titles of missing sections by the reason they share."""
    titles = {section.field: section.title for section in SECTIONS}
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
        formatting.rule_message, formatting.sentence, rows.system_lines,
        rows.class_rows, rows.confusion_rows, rows.picture_address, rows.heaviest,
        rows.count_rows, rows.svg, rows.breakable, rows.short_value, rows.state_class,
        rows.state_word,
    )  # fmt: skip
    environment.filters.update({function.__name__: function for function in filters})
    return environment


def _text(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")
