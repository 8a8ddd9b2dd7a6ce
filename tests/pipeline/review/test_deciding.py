"""A run's review and the file in which people decide: nothing that was decided gets lost."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.report.sources.review import read_review
from pipeline.report.sources.source import Absent
from pipeline.review.deciding import Reviewing, Wish
from pipeline.review.decisions_file import DecisionsFile, Row, read_file, write_file
from tests.pipeline.review.test_command import CONTENTS, REVIEW, Files, facts

GONE = "4d" * 32
APPLIED = "s3://b/decisions/0f/mine.csv"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "d.csv"


def reviewing(path: Path, applied: DecisionsFile | None = None, tmp: Path | None = None) -> Any:
    """The review of a run, which was made with decisions if they are given."""
    source: Any = Files(json.dumps(REVIEW))
    run = facts()
    if applied and tmp:
        write_file(tmp / "applied.csv", applied)
        source.files[APPLIED] = (tmp / "applied.csv").read_bytes()
        given = {"InputName": "decisions", "S3Input": {"S3Uri": APPLIED}}
        run.jobs["Prepare"]["ProcessingInputs"] = [given]  # type: ignore[index]
    return Reviewing(source, run, read_review(source, run), path)


def decided(path: Path) -> dict[str, str]:
    return {row.content: row.words for row in read_file(path).rows if row.decision}


def test_a_new_file_begins_with_what_the_run_was_made_with(path: Path, tmp_path: Path) -> None:
    applied = DecisionsFile((Row(GONE, "remove"), Row(CONTENTS[1], "keep")))
    own = reviewing(path, applied, tmp_path)
    assert own.decide([Wish(CONTENTS[0], "relabel", "dog", proposed="dog")]) == 1
    assert decided(path) == {CONTENTS[0]: "relabel dog", CONTENTS[1]: "keep", GONE: "remove"}
    assert own.decide([Wish(GONE, "", seen="remove")]) == 1
    own.write()
    assert GONE not in decided(path)  # and does not come back


def test_where_what_was_applied_is_gone_nothing_is_begun_without_it(
    path: Path, tmp_path: Path
) -> None:
    own = reviewing(path, DecisionsFile((Row(GONE, "remove"),)), tmp_path)
    del own.source.files[APPLIED]
    with pytest.raises(Absent, match=r"mine\.csv is not there, and a new .* would undo"):
        own.write()
    assert not path.exists()


def test_all_is_kept_or_nothing(path: Path) -> None:
    own = reviewing(path)
    with pytest.raises(UsageError, match="no class 'cow'"):
        own.decide([Wish(CONTENTS[1], "remove"), Wish(CONTENTS[0], "relabel", "cow")])
    assert not path.exists()


def test_a_decision_of_somebody_else_is_not_undone(path: Path) -> None:
    own = reviewing(path)
    own.decide([Wish(CONTENTS[0], "keep")])
    with pytest.raises(UsageError, match=r"(?s)somebody else decided .*cat/<1>\.jpg: keep"):
        own.decide([Wish(CONTENTS[0], "remove"), Wish(CONTENTS[1], "remove")])
    assert own.decide([Wish(CONTENTS[0], "keep"), Wish(CONTENTS[1], "remove")]) == 2
    assert decided(path) == {CONTENTS[0]: "keep", CONTENTS[1]: "remove"}


def test_what_was_only_looked_at_changes_nothing(path: Path) -> None:
    own = reviewing(path)
    own.decide([Wish(CONTENTS[0], "keep")])
    # a page of before, on which nothing was chosen, also about what is gone by now
    assert own.decide([Wish(CONTENTS[0], ""), Wish(GONE, "remove", seen="remove")]) == 0
    assert decided(path) == {CONTENTS[0]: "keep"}
