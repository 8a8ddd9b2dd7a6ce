"""The page of a run's review: what is doubtful is seen, decided about and kept in a file."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline.command_line.running import ROOT
from pipeline.console.pages import review as views
from pipeline.local.store import Store
from pipeline.review.decisions_file import read_file
from tests.pipeline.console.console_support import HOSTILE, Visitor
from tests.pipeline.console.pages.pages_support import words
from tests.pipeline.console.review_support import (
    Reviewed,
    content_of,
    fields_of,
    picture,
    review_of,
    reviewed_in,
)

DOGS = ["beagle", "pug", "whippet"]
FIRST, SECOND = content_of(0), content_of(2)

Review = Callable[..., Reviewed]


@pytest.fixture
def reviewed(store: Store) -> Review:
    """Runs a review in a state of the test's own."""
    return partial(reviewed_in, store)


def test_the_page_shows_a_picture_its_class_and_the_likelier_one(reviewed: Review) -> None:
    page = reviewed(DOGS).get()
    assert "Called beagle; probably rather whippet not decided keep beagle remove relabel" in words(
        page
    )
    assert '/train/0.jpg"' in page
    assert f'name="class.{FIRST}" value="whippet"' in page


def test_what_is_decided_is_kept_in_the_file_that_the_command_knows(reviewed: Review) -> None:
    found = reviewed(DOGS)
    sent = fields_of(found.get())
    sent |= {f"decision.{FIRST}": "relabel", f"decision.{SECOND}": "remove"}
    assert found.post(sent).endswith("/review?kind=labels&page=1&kept=2")
    rows = {row.content: row.words for row in read_file(found.file).rows}
    assert rows == {FIRST: "relabel whippet", SECOND: "remove"}
    page = found.get()
    assert fields_of(page)[f"decision.{FIRST}"] == "relabel"
    assert "2 pictures decided: 0 kept as they are, 1 to another class, 1 left out" in words(page)
    assert "Decided 2" in words(page)


def test_a_decision_is_taken_back(reviewed: Review) -> None:
    found = reviewed(DOGS)
    found.post(fields_of(found.get()) | {f"decision.{FIRST}": "remove"})
    found.post(fields_of(found.get("?kind=decided")) | {f"decision.{FIRST}": ""})
    assert read_file(found.file).decided() == 0
    assert "Nothing is decided yet" in words(found.get())


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"decision": "relabel", "class": "cat"}, "there is no class 'cat'"),
        ({"decision": "relabel", "class": " "}, "which class is it?"),
        ({"decision": "relabel", "class": "beagle"}, "it is called beagle already"),
        ({"decision": "remove", "class": "pug"}, "'pug' was given without relabel"),
        ({"decision": "<b>"}, "'<b>' is no decision"),
        ({"decision": "remove", "seen": "keep"}, "somebody else decided meanwhile"),
    ],
)
def test_what_cannot_be_kept_is_said_beside_what_was_chosen(
    reviewed: Review, sent: dict[str, str], says: str
) -> None:
    found = reviewed(DOGS)
    before = fields_of(found.get()) | {f"decision.{SECOND}": "keep"}
    page = found.post(before | {f"{name}.{FIRST}": value for name, value in sent.items()}, 409)
    assert says in words(page) and "<b>" not in page
    assert fields_of(page)[f"decision.{SECOND}"] == "keep"
    assert not found.file.exists()


def test_what_others_decided_about_other_pictures_stays(reviewed: Review) -> None:
    found = reviewed(DOGS)
    old = fields_of(found.get())
    found.post(old | {f"decision.{FIRST}": "remove"})
    found.post(old | {f"decision.{SECOND}": "keep"})
    rows = {row.content: row.words for row in read_file(found.file).rows}
    assert rows == {FIRST: "remove", SECOND: "keep"}


def test_a_picture_that_is_not_in_the_review_is_refused(reviewed: Review) -> None:
    found = reviewed(DOGS)
    page = found.post({f"decision.{'f' * 64}": "remove", "kind": "labels", "page": "1"}, 409)
    assert "not in the review any more" in words(page)


def test_doubtful_labels_copies_and_what_is_unlike_all_others_have_pages_of_their_own(
    reviewed: Review,
) -> None:
    copy = {"picture": picture(DOGS, 1), "like": picture(DOGS, 2), "likeness": 0.9}
    unlike = {"picture": picture(DOGS, 4), "similarity": 0.1}
    mixing = {"first": "beagle", "second": "pug", "mixed": 3, "pictures": 4}
    doubtful = {"picture": picture(DOGS, 5), "likely": "pug", "odds": 0.25}
    more: Any = {"copies": [copy, copy], "unlike": [unlike], "mixing": [mixing]}
    more |= {"doubtful": [doubtful]}
    found = reviewed(DOGS, review_of(DOGS, **more, notes=["some were not looked for"]))
    copies = found.get("?kind=copies")
    assert "/train/1.jpg" in copies and "/train/2.jpg" in copies
    assert fields_of(copies)[f"class.{content_of(1)}"] == "pug"  # as the one that it is like
    assert "Called whippet; unlike all others" in words(found.get("?kind=unlike"))
    assert "Called whippet; perhaps rather pug" in words(found.get("?kind=doubtful"))
    assert "beagle pug 3 4" in words(copies) and "Some were not looked for." in words(copies)


def test_many_are_shown_page_by_page_and_work_goes_on_at_the_first_undecided(
    reviewed: Review,
) -> None:
    classes = [f"class-{number:04}" for number in range(1000)]
    found = reviewed(classes, review_of(classes, each=1), each=1)
    page = found.get()
    assert "Page 1 of 25" in words(page) and page.count("<fieldset>") == 20
    assert page.count("<option") == 1000
    sent = {name: "remove" if name.startswith("decision.") else value
            for name, value in fields_of(page).items()}  # fmt: skip
    assert "page=2&kept=20" in found.post({**sent, "then": "next"})
    assert "Page 2 of 25" in words(found.get())
    assert "Page 25 of 25" in words(found.get("?page=99"))
    assert "Page 1 of 25" in words(found.get("?page=x"))


def test_names_stay_text(reviewed: Review) -> None:
    classes = [HOSTILE, "=1+1", "pug"]
    found = reviewed(classes, review_of(classes, notes=[HOSTILE]))
    sent = fields_of(found.get()) | {f"decision.{FIRST}": "relabel", f"class.{FIRST}": "=1+1"}
    found.post(sent)
    for query in ("", "?kind=decided", "?kind=%3Cb%3E", "?kept=%3Cb%3E"):
        page = found.get(query)
        assert "<img src=x" not in page and "<b>" not in page
    assert HOSTILE in words(page)
    assert read_file(found.file).rows[0].words == "relabel =1+1"
    assert "relabel,'=1+1" in found.file.read_text("utf-8-sig")


def test_a_run_without_a_review_says_so_and_takes_no_form(reviewed: Review, store: Store) -> None:
    found = reviewed(DOGS)
    for file in store.root.rglob("review.json"):
        file.unlink()
    assert "earlier versions have no review" in words(found.get())
    assert "earlier versions have no review" in words(found.data.get())
    assert "earlier versions have no review" in words(found.post({}, 400))
    found.data.visitor.get("/data/nothing/review", 404)


def test_the_page_of_the_data_counts_what_is_to_be_looked_at(reviewed: Review) -> None:
    found = reviewed(DOGS)
    found.post(fields_of(found.get()) | {f"decision.{FIRST}": "keep"})
    page = words(found.data.get())
    assert "Labels that are probably wrong : 2, 1 decided" in page and "Decided : 1" in page


def test_without_its_pictures_a_review_can_be_decided(reviewed: Review, store: Store) -> None:
    found = reviewed(DOGS)
    for file in store.root.rglob("*.images.npy"):
        file.unlink()
    page = found.get()
    assert "train/beagle/0.jpg" in words(page) and "<img" not in page


def test_a_run_with_the_decisions_is_started_as_the_first_was(
    reviewed: Review, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, started = reviewed(DOGS), list[list[str]]()

    def start(_state: Path, given: list[str]) -> str:
        started.append(given)
        return "token"

    monkeypatch.setattr(views, "start_run", start)
    address = f"/data/{found.data.run}/review/start"
    assert found.data.visitor.post(address).status_code == 400  # by no command
    folder = store.root / "runs" / found.data.run
    command = "python -m pipeline.run --local '--data=my pictures' --set project=dogs"
    (folder / "command.json").write_text(json.dumps({"command": command}))
    assert "nothing is decided" in words(found.data.visitor.post(address).text)
    found.post(fields_of(found.get()) | {f"decision.{FIRST}": "remove"})
    answer = found.data.visitor.post(address)
    assert answer.headers["location"] == "/started/token"
    assert started[0] == [
        *("--local", "--data=my pictures", "--set=project=dogs"),
        *(f"--set=data.decisions={found.file}", f"--state={store.root}"),
    ]
    assert f"--set=data.decisions={found.file}" in words(found.get())


@pytest.mark.parametrize("option", ["--set data.decisions=", "--set=data.decisions="])
def test_the_file_that_a_run_was_told_of_is_gone_on_with(
    reviewed: Review, store: Store, tmp_path: Path, option: str
) -> None:
    found, own = reviewed(DOGS), tmp_path / "mine.csv"
    assert found.file.parent == store.root / "decisions"
    own.write_text("decision;new_class;content\n")
    command = f"python -m pipeline.run --local {option}{own}"
    folder = store.root / "runs" / found.data.run
    (folder / "command.json").write_text(json.dumps({"command": command}))
    found.post(fields_of(found.get()) | {f"decision.{FIRST}": "remove"})
    assert own.read_text("utf-8-sig").startswith("decision;new_class;label;")
    assert read_file(own).decided() == 1
    assert words(found.get()).count("data.decisions=") == 1


def test_the_file_that_the_settings_name_is_written(
    reviewed: Review, store: Store, tmp_path: Path
) -> None:
    found, settings = reviewed(DOGS), tmp_path / "mine.yaml"
    text = (ROOT / "pipeline.yaml").read_text()
    settings.write_text(text.replace("  decisions: null", "  decisions: mine.csv"))
    visitor = Visitor(store.root, settings)
    address = f"/data/{found.data.run}/review"
    visitor.post(address, fields_of(visitor.get(address)) | {f"decision.{FIRST}": "remove"})
    assert read_file(tmp_path / "mine.csv").decided() == 1
    assert "mine.yaml names this file" in words(visitor.get(address))


def test_a_foreign_page_decides_nothing(reviewed: Review) -> None:
    found = reviewed(DOGS)
    sent = fields_of(found.get()) | {f"decision.{FIRST}": "remove", "csrf": "guessed"}
    for address in ("review", "review/start"):
        answer = found.data.visitor.client.post(f"/data/{found.data.run}/{address}", data=sent)
        assert answer.status_code == 403
    assert not found.file.exists()
