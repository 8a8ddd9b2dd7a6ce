"""A review is read from a run's files, shown on a page and put into the file of decisions."""

import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.report.sources.facts import Facts
from pipeline.report.sources.review import read_review
from pipeline.report.sources.source import Absent
from pipeline.review.page import write_page

FOLDER = "s3://b/runs/r"
FILES = ("cat/<1>.jpg", "cat/2.jpg", "dog/3.jpg")
CONTENTS = ("1a" * 32, "2b" * 32, "3c" * 32)


def picture(row: int) -> dict[str, str]:
    label = FILES[row].partition("/")[0]
    return {"file": FILES[row], "split": "train", "label": label, "content": CONTENTS[row]}


REVIEW: Mapping[str, Any] = {
    "pictures": 3,
    "suspects": [{"picture": picture(0), "likely": "dog", "odds": 99.0}],
    "doubtful": [{"picture": picture(1), "likely": "dog", "odds": 0.25}],
    "copies": [{"picture": picture(1), "like": picture(2), "likeness": 0.9}],
    "unlike": [{"picture": picture(2), "similarity": 0.1}],
    "mixing": [{"first": "cat", "second": "dog", "mixed": 1, "pictures": 3}],
    "found": {"suspects": 1, "copies": 1, "unlike": 1},
    "notes": [],
}


class Files:
    """A source whose files are in memory."""

    where = "local"

    def __init__(self, review: str | None, decided: Mapping[str, Any] | None = None) -> None:
        images = io.BytesIO()
        np.save(images, np.full((3, 3, 8, 8), 90, np.uint8))
        data = {"classes": ["cat", "dog"], **({"decisions": decided} if decided else {})}
        self.files = {
            f"{FOLDER}/dataset/dataset.json": json.dumps(data).encode(),
            f"{FOLDER}/dataset/train.files.json": json.dumps(FILES).encode(),
            f"{FOLDER}/dataset/train.images.npy": images.getvalue(),
        }
        if review is not None:
            self.files[f"{FOLDER}/features/review.json"] = review.encode()

    def read(self, uri: str) -> bytes:
        if uri not in self.files:
            raise Absent(f"{uri} is not there")
        return self.files[uri]

    def read_part(self, uri: str, start: int, size: int) -> bytes:
        return self.read(uri)[start : start + size]


def facts() -> Facts:
    def job(*names: str) -> dict[str, Any]:
        outputs = [{"OutputName": n, "S3Output": {"S3Uri": f"{FOLDER}/{n}"}} for n in names]
        config = {"Outputs": outputs}
        return {"ProcessingJobStatus": "Completed", "ProcessingOutputConfig": config}

    jobs = {"Prepare": job("dataset"), "ExtractFeatures": job("features")}
    return Facts({"PipelineExecutionArn": "arn:x:pipeline/p/execution/r"}, {}, {}, {}, jobs)


def test_the_page_shows_every_kind_with_its_pictures(tmp_path: Path) -> None:
    source: Any = Files(json.dumps(REVIEW))
    review = read_review(source, facts())
    page = write_page(source, facts(), review, Path("d.csv"), tmp_path / "out").read_text()
    assert page.count('src="data:image/jpeg;base64,') == 5
    assert "is called cat, probably rather dog" in page
    assert "is called cat, perhaps rather dog" in page
    assert "cat/&lt;1&gt;.jpg" in page and "<1>" not in page
    assert "--set data.decisions=d.csv" in page
    headings, labels = re.findall(r"<h2[^>]*>([^<]+)", page), re.findall('label="([^"]+)"', page)
    assert len(set(headings + labels)) == len(headings) + len(labels)  # of landmarks


def test_what_was_kept_is_not_shown_again() -> None:
    source: Any = Files(json.dumps(REVIEW), {"kept": [CONTENTS[0], CONTENTS[2]]})
    review = read_review(source, facts())
    assert (len(review.suspects), len(review.copies), len(review.unlike)) == (0, 1, 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "runs of earlier versions have no review"),
        (json.dumps({"pictures": 3}), "review.json is damaged"),
        (json.dumps({**REVIEW, "unlike": [{"picture": {"content": 3}}]}), "review.json is damaged"),
        ("{", "review.json is damaged"),
    ],
)
def test_a_run_without_a_whole_review_says_so(text: str | None, words: str) -> None:
    source: Any = Files(text)
    with pytest.raises(Absent, match=words):
        read_review(source, facts())
