"""Turn values into the markup and CSS classes of the page: filters of its templates."""

import base64
import hashlib
import re
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from pipeline.report.page.plots import Plot

_BREAKS = re.compile(r"(?<=[_./-])(?=\w)")
_STATE_WORDS = {
    "NotStarted": "Not started",
    "NoIssuesFound": "No issues",
    "IssuesFound": "Issue found",
    "InProgress": "In progress",
}
_STATE_CLASSES = {
    "Succeeded": "good",
    "Completed": "good",
    "InService": "good",
    "Approved": "good",
    "NoIssuesFound": "good",
    "Failed": "bad",
    "Error": "bad",
    "Rejected": "bad",
    "IssuesFound": "check",
    "Stopped": "check",
    "Stopping": "check",
    "Executing": "busy",
    "Starting": "busy",
    "InProgress": "busy",
}


def source_of(script: str) -> str:
    """Return the source by which a policy allows that very script."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def picture_address(picture: bytes) -> str:
    """Return a JPEG or PNG as a data: URL."""
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def short_value(text: str) -> str:
    """Shorten a hyperparameter's value to four digits; a word stays as it is."""
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return text


def breakable(text: str) -> Markup:
    """Allow line breaks in a name after underscores, dots, slashes and hyphens."""
    return Markup("<wbr>").join(_BREAKS.split(text))


def svg(plot: "Plot") -> Markup:
    """Return the plot's SVG as safe markup: matplotlib has escaped every text in it."""
    return Markup(plot.svg)  # noqa: S704


def state_class(status: str) -> str:
    """Return the CSS class of a status: good, bad, check, busy or none."""
    return _STATE_CLASSES.get(status, "none")


def state_word(status: str) -> str:
    """Return a status in plain words."""
    return _STATE_WORDS.get(status, status)
