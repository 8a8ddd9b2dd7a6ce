"""Write a review as one HTML file with its pictures, which needs no network."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.report.page.html import render_page
from pipeline.report.sources.facts import Facts
from pipeline.report.sources.pictures import picture_reader
from pipeline.report.sources.review import Copied, Picture, Review, Suspect, Unlike
from pipeline.report.sources.source import Source

PAGE_FILE = "review.html"
_SUSPECTS, _DOUBTFUL, _COPIES, _UNLIKE = 150, 50, 50, 40  # shown: a page of a few megabytes

Read = Callable[[Picture], bytes | None]


@dataclass(frozen=True)
class Shown:
    """A picture on the page, as JPEG where it can be read, and what was found of it."""

    picture: Picture
    jpeg: bytes | None
    finding: Suspect | Copied | Unlike


def write_page(source: Source, facts: Facts, review: Review, decisions: Path, folder: Path) -> Path:
    """Write the page into `folder` and return its path; it names the file of decisions.

    Raises OSError when the folder cannot be written to.
    """
    read = _reader(source, facts)
    text = render_page(
        "review_page.html",
        run=facts.id,
        review=review,
        decisions=str(decisions),
        suspects=_shown(read, review.suspects[:_SUSPECTS]),
        doubtful=_shown(read, review.doubtful[:_DOUBTFUL]),
        copies=[
            (Shown(one.picture, read(one.picture), one), Shown(one.like, read(one.like), one))
            for one in review.copies[:_COPIES]
        ],
        unlike=_shown(read, review.unlike[:_UNLIKE]),
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PAGE_FILE
    path.write_text(text, encoding="utf-8", errors="replace")
    return path


def _reader(source: Source, facts: Facts) -> Read:
    readers = {split: picture_reader(source, facts, split) for split in ("train", "valid", "test")}
    return lambda picture: readers[picture.split](picture.file)


def _shown(read: Read, found: Iterable[Suspect | Unlike]) -> list[Shown]:
    return [Shown(one.picture, read(one.picture), one) for one in found]
