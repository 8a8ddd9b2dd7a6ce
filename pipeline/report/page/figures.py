"""Define what all plots share: colours, sizes, and turning a figure into a PNG or inline SVG.

Sizes are CSS pixels: a figure that is 400 wide has text of 11 pixels when shown 400 wide. In the
page every colour of the palette is a CSS variable, so one drawing serves light and dark themes.
"""

import io
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

INK, MUTED, GRID = "#1b1f24", "#57606a", "#d8dee4"
BLUE, ORANGE, GREEN, PURPLE = "#0969da", "#bc4c00", "#1a7f37", "#8250df"
TEAL, PINK, YELLOW, RED, GREY = "#1b7c83", "#bf3989", "#9a6700", "#cf222e", "#8c959f"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, TEAL, PINK, YELLOW, GREY)
CSS_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    BLUE: "--blue",
    ORANGE: "--orange",
    GREEN: "--green",
    PURPLE: "--purple",
    TEAL: "--teal",
    PINK: "--pink",
    YELLOW: "--yellow",
    RED: "--red",
    GREY: "--grey",
}
WIDTH, HEIGHT = 400, 262
_POINTS_PER_INCH = 72
_PNG_DPI = 144  # twice as many pixels, for high-resolution screens
_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11,
    "text.parse_math": False,  # a "$" in a class's name is a "$"
    "text.color": INK,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.formatter.use_mathtext": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "lines.linewidth": 2,
    "lines.markersize": 5,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "figure.facecolor": "white",
    "svg.fonttype": "none",
}
_LARGEST = 1e30
_NOT_SHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


@contextmanager
def house_style(salt: str = "report") -> Iterator[None]:
    """Apply the look of all plots within the block; `salt` tells the SVG ids of two plots apart."""
    with rc_context({**_STYLE, "svg.hashsalt": salt}), warnings.catch_warnings():
        # Letters that the font lacks, layouts that do not fit: nothing a user could fix.
        warnings.simplefilter("ignore")
        yield


def new_figure(width: int = WIDTH, height: int = HEIGHT) -> Figure:
    """Create a figure; width and height in CSS pixels."""
    size = (width / _POINTS_PER_INCH, height / _POINTS_PER_INCH)
    return Figure(figsize=size, layout="constrained")


def new_axes(title: str, width: int = WIDTH, height: int = HEIGHT) -> Axes:
    """Create a figure with a single plot and return its axes; sizes in CSS pixels."""
    axes = new_figure(width, height).add_subplot()
    axes.set_title(title)
    return axes


def plain_powers(axis: Axis) -> None:
    """Label a logarithmic axis in plain numbers: powers of ten, also 2 and 5 where there is one."""
    low, high = sorted(axis.get_view_interval())
    powers = math.floor(math.log10(high)) - math.ceil(math.log10(low)) + 1
    between = (1.0, 2.0, 5.0) if powers < 2 else (1.0,)
    axis.set_major_locator(LogLocator(subs=between, numticks=8))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())


def figure_of(axes: Axes) -> Figure:
    """Return the figure that holds the axes."""
    figure = axes.get_figure(root=True)
    assert isinstance(figure, Figure)  # noqa: S101  axes of new_axes always have one
    return figure


def drawable(value: float | None) -> float:
    """Return the value, or NaN, which is not drawn, for what no axis can show: None, inf, 1e300."""
    if value is None or not math.isfinite(value) or abs(value) > _LARGEST:
        return math.nan
    return value if abs(value) * _LARGEST > 1 else 0.0


def label(text: str, longest: int = 24) -> str:
    """Shorten a user's text to one line, cut at the end."""
    line = _NOT_SHOWN.sub(" ", text).strip()
    return line if len(line) <= longest else line[: longest - 1] + "…"


def label_ends(text: str, longest: int = 32) -> str:
    """Shorten a text to one line, cut in the middle: the ends of tensors' names tell them apart."""
    line = label(text, len(text))
    half = longest // 2
    return line if len(line) <= longest else f"{line[: longest - half - 1]}…{line[-half:]}"


def labels(texts: Sequence[str], longest: int = 24) -> list[str]:
    """Shorten each text to one line."""
    return [label(text, longest) for text in texts]


def arrange(figure: Figure) -> Figure:
    """Lay the figure out once for all its drawings: layout is half of what drawing costs."""
    if engine := figure.get_layout_engine():
        engine.execute(figure)
    figure.set_layout_engine(None)  # "none" would be an engine that draws once more for each file
    return figure


def save_png(figure: Figure, path: Path) -> Path:
    """Write the figure as a PNG on white. Raises OSError when the file cannot be written."""
    figure.savefig(path, format="png", dpi=_PNG_DPI, metadata={"Software": None})
    return path


def as_svg(figure: Figure) -> str:
    """Return the figure as an <svg> element: transparent, its colours CSS variables."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>", "", text, flags=re.S)
    text = re.sub(r'<svg [^>]*viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1">', text)
    text = re.sub(r'<g id="[^"]*">', "<g>", text)  # figure_1, axes_1: the same in every figure
    text = re.sub(r'(?<= d=")[^"]*', _shorter, text)
    return re.sub(r'style="[^"]*"', _with_variables, text)


def _shorter(path: re.Match[str]) -> str:
    numbers = re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.1f}", path[0])
    return numbers.replace("\n", "")


def _with_variables(style: re.Match[str]) -> str:
    text = style.group(0).replace("'DejaVu Sans'", "system-ui")
    for color, variable in CSS_VARIABLES.items():
        text = text.replace(color, f"var({variable})")
    return text
