"""A run whose pictures were reviewed, and who decides about them."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.local.store import Store
from tests.pipeline.console.data_support import Prepared, prepared_in


def content_of(place: int) -> str:
    """The hash of a picture's file, by its place among those of train."""
    return f"{place:064x}"


def picture(classes: Sequence[str], place: int, each: int = 2) -> dict[str, str]:
    """A picture of train as a review names it."""
    label = classes[place // each]
    file = f"train/{label}/{place}.jpg"
    return {"file": file, "split": "train", "label": label, "content": content_of(place)}


def review_of(classes: Sequence[str], each: int = 2, **more: Any) -> dict[str, Any]:
    """A review in which every second picture is doubtful: it is rather of the last class."""
    wrong = [place for place in range(len(classes) * each - each) if place % 2 == 0]
    suspects = [
        {"picture": picture(classes, place, each), "likely": classes[-1], "odds": 99.0}
        for place in wrong
    ]
    return {
        "pictures": len(classes) * each, "suspects": suspects, "copies": [], "unlike": [],
        "mixing": [], "found": {}, "notes": [], **more,
    }  # fmt: skip


@dataclass(frozen=True)
class Reviewed:
    """A run with a review, and a person at its page."""

    data: Prepared

    def get(self, query: str = "", status: int = 200) -> str:
        return self.data.get(f"/review{query}", status)

    def post(self, fields: dict[str, str], status: int = 303) -> str:
        """Send a form of the page; where it leads, or what it says."""
        answer = self.data.visitor.post(f"/data/{self.data.run}/review", fields)
        assert answer.status_code == status, answer.text[:2000]
        return str(answer.headers["location"] if status == 303 else answer.text)

    @property
    def file(self) -> Path:
        """The file of decisions that the page names."""
        found = re.search(r"kept in <code>(.*?)</code>", self.get())
        assert found
        return Path(html.unescape(found[1]))


def reviewed_in(
    store: Store, classes: list[str], review: dict[str, Any] | None = None, **more: Any
) -> Reviewed:
    """Run steps that put out a data set of these classes, and a review of it."""
    return Reviewed(prepared_in(store, classes, review=review or review_of(classes), **more))


def fields_of(page: str) -> dict[str, str]:
    """What the page's form sends when nothing was touched."""
    found = {}
    form = page.partition('aria-labelledby="kind"')[2].partition("</section>")[0]
    for tag in re.findall(r"<input [^>]*>", form):
        given = {name: html.unescape(value) for name, value in re.findall(r'([\w-]+)="(.*?)"', tag)}
        if given["type"] != "radio" or " checked" in tag:
            found[given["name"]] = given["value"]
    return {name: value for name, value in found.items() if name != "csrf"}
