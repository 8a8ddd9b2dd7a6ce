"""Test pictures that training saw, as ExtractFeatures found them: said beside the accuracy."""

import json
from dataclasses import replace
from typing import Any

import pytest

from pipeline.report.page.highlights import notes
from pipeline.report.sections.dataset import SECTION as DATASET
from pipeline.report.sections.evaluation import SECTION as EVALUATION
from pipeline.report.seen import SeenPicture, accuracy_without, read_seen, seen_words
from pipeline.report.sources.facts import Facts
from pipeline.report.sources.source import Absent
from tests.pipeline.report.report_samples import full_report

SAME = SeenPicture("test/a/1.jpg", "train/a/9.jpg", True, 1.0)
NEAR = SeenPicture("test/b/2.jpg", "valid/b/3.jpg", False, 0.8712)
DOCUMENT = {
    "test_pictures": 3,
    "seen": [
        {"file": "test/a/1.jpg", "split": "train", "like": "train/a/9.jpg"}
        | {"same_file": True, "likeness": 1.0},
        {"file": "test/b/2.jpg", "split": "valid", "like": "valid/b/3.jpg"}
        | {"same_file": False, "likeness": 0.8712},
    ],
}


class Files:
    """A source with these files by address."""

    def __init__(self, files: dict[str, object]) -> None:
        self.files = files

    def read(self, uri: str) -> bytes:
        if uri not in self.files:
            raise Absent(f"{uri} is not there")
        return json.dumps(self.files[uri]).encode()


def facts() -> Facts:
    output = {"OutputName": "features", "S3Output": {"S3Uri": "s3://b/features"}}
    job = {
        "ProcessingJobStatus": "Completed",
        "ProcessingOutputConfig": {"Outputs": [output]},
    }
    return Facts({}, {}, {}, {}, {"ExtractFeatures": job})


def test_what_extract_features_found_is_read() -> None:
    source: Any = Files({"s3://b/features/test_in_train.json": DOCUMENT})
    assert read_seen(source, facts()) == (SAME, NEAR)
    nothing: Any = Files({})
    assert read_seen(nothing, facts()) is None  # a run of before


def test_the_accuracy_without_them_is_that_of_the_others() -> None:
    predictions = [
        {"file": "test/a/1.jpg", "label": "a", "prediction": "a"},
        {"file": "test/b/2.jpg", "label": "b", "prediction": "b"},
        {"file": "test/b/3.jpg", "label": "b", "prediction": "b"},
        {"file": "test/b/4.jpg", "label": "b", "prediction": "a"},
    ]
    assert accuracy_without(predictions, None) == 0.75
    assert accuracy_without(predictions, (SAME, NEAR)) == 0.5
    assert accuracy_without(predictions[:1], (SAME,)) is None


@pytest.mark.parametrize(
    ("seen", "rest", "said"),
    [
        ((SAME, NEAR), 0.5, "(1 the very file, 1 nearly the same picture), which flatters the"),
        ((NEAR,), 0.5, "1 of 40 test pictures are in train or valid as well (1 nearly the same"),
        ((SAME,), 0.825, "without them it is 82.5%"),
        ((SAME,), None, "no other is left"),
    ],
)
def test_it_is_said_with_how_many_of_each(
    seen: tuple[SeenPicture, ...], rest: float | None, said: str
) -> None:
    assert said in seen_words(seen, 40, rest)


def test_the_report_says_it_once() -> None:
    report = full_report()
    evaluation = report.get(EVALUATION)
    assert evaluation and report.get(DATASET)
    before = [note.text for note in notes(report)]
    assert any("in more than one split" in text for text in before)  # as Prepare found them
    seen = replace(evaluation, seen=(SAME,), accuracy_of_unseen=0.8)
    after = [note for note in notes(report.changed(EVALUATION, seen)) if "train" in note.text]
    assert [note.section for note in after if "test pictures" in note.text] == ["test"]
    assert not any("in more than one split" in note.text for note in after)
    (said,) = [note for note in after if "flatters" in note.text]
    assert said.attempt.command.endswith("--set data.test_in_train=fail")
