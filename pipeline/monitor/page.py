"""Write what was found as one HTML file with its pictures, which needs no network."""

from pathlib import Path

from pipeline.monitor.documents import Monitored, Unusual
from pipeline.report.page.html import render_page

_MOST_BYTES = 2_000_000  # of a small picture: what is larger is none that the job wrote


def write_page(found: Monitored, folder: Path) -> None:
    """Write the page beside the pictures in `folder`. Raises OSError."""
    unusual = [(one, _jpeg(folder, one)) for one in found.unusual]
    text = render_page("monitor_page.html", found=found, unusual=unusual)
    found.page.write_text(text, encoding="utf-8", errors="replace")


def _jpeg(folder: Path, one: Unusual) -> bytes | None:
    path = folder / one.picture
    inside = path.resolve().is_relative_to(folder.resolve())
    if not inside or not path.is_file() or path.stat().st_size > _MOST_BYTES:
        return None
    return path.read_bytes()
