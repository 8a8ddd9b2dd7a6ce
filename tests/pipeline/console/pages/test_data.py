"""The page of a run's data set, over what a run's step Prepare has written."""

import io
from collections.abc import Callable
from functools import partial

import pytest
from PIL import Image

from pipeline.local.store import Store
from tests.pipeline.console.console_support import Visitor
from tests.pipeline.console.data_support import SIDE, Prepared, prepared_in
from tests.pipeline.console.pages.pages_support import words

HOSTILE = "<b>&amp;'\"\\..%2f"

Prepare = Callable[..., Prepared]


@pytest.fixture
def prepare(store: Store) -> Prepare:
    """Runs a step Prepare in a state of the test's own."""
    return partial(prepared_in, store)


@pytest.fixture(scope="module")
def dogs(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A data set of two classes, to look at only."""
    return prepared_in(Store(tmp_path_factory.mktemp("dogs") / "state"), ["beagle", "pug"])


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A data set of one class with 40 pictures, to look at only."""
    return prepared_in(Store(tmp_path_factory.mktemp("many") / "state"), ["one"], each=20)


def test_without_a_run_there_is_no_data(store: Store) -> None:
    assert "No run has prepared a data set yet" in words(Visitor(store.root).get("/data"))


def test_the_newest_data_set_shows_classes_counts_and_pictures(dogs: Prepared) -> None:
    found = dogs
    page = found.get()
    answer = found.visitor.client.get("/data")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/data/{found.run}")
    assert "beagle 2 2 4" in words(page) and "train 4, test 4" in words(page)
    with Image.open(io.BytesIO(picture(found, "/test/3.jpg"))) as shown:
        assert (shown.format, shown.size) == ("JPEG", (SIDE, SIDE))
        assert abs(shown.convert("L").getpixel((0, 0)) - 30) <= 2
    assert f'src="/data/{found.run}/train/0.jpg"' in page
    assert "test/pug/3.jpg" in words(found.get("/class/1"))


def picture(found: Prepared, path: str) -> bytes:
    answer = found.visitor.client.get(f"/data/{found.run}{path}")
    assert answer.headers["content-type"] == "image/jpeg"
    return answer.content


@pytest.mark.parametrize(
    "path",
    [
        "/test/4.jpg",
        "/test/-1.jpg",
        "/valid/0.jpg",
        "/..%2f..%2fstate.db/0.jpg",
        "/%2e%2e/0.jpg",
        "/test/..%2f0.jpg",
        "/test/99999999999999999999.jpg",
        "/class/2",
        "/class/x",
    ],
)
def test_only_what_the_index_names_is_a_picture(dogs: Prepared, path: str) -> None:
    dogs.get(path, 404)


def test_a_run_that_is_not_there_has_no_pictures(dogs: Prepared) -> None:
    for path in ("no-run", "no-run/test/0.jpg", "..%2f..%2fetc/test/0.jpg", "no-run/class/0"):
        dogs.visitor.get(f"/data/{path}", 404)


def test_names_stay_text(prepare: Prepare) -> None:
    more = {
        "refused": [{"file": f"{HOSTILE}.jpg", "reason": "<i>broken</i>"}],
        "duplicates": [
            {"files": ["train/pug/2.jpg", "gone"], "splits": ["test", "train"], "classes": ["<u>"]}
        ],
        "ignored": [{"name": "<s>", "reason": "<s>"}],
        "notes": [{"note": "<s>", "count": 1, "files": []}],
        "reading": ["<s>"],
    }
    found = prepare([HOSTILE, "pug"], **more)
    for page in (found.get(), found.get("/class/0"), found.get("?q=%3Cb%3E&sort=%22%3E%3Cb%3E")):
        assert not any(tag in page for tag in ("<b>", "<i>", "<u>", "<s>"))
    assert HOSTILE in words(found.get()) and "<i>broken</i>" in words(found.get())
    assert "several splits" in words(found.get())


def test_many_classes_are_folded_sorted_and_searched(prepare: Prepare) -> None:
    classes = [f"class-{number:04}" for number in range(1000)]
    counts = {"train": {name: number for number, name in enumerate(classes)}, "test": {}}
    found = prepare(classes, each=1, counts=counts)
    page = found.get()
    assert "970 more classes" in words(page)
    assert page.index("class/999") > page.index("class/0")
    page = found.get("?sort=train")
    assert page.index("class/999") < page.index("class/998")
    assert "more classes" not in words(found.get("?q=CLASS-002"))
    assert "No class is called so" in words(found.get("?q=nothing"))


@pytest.mark.parametrize("asked", ["1", "2", "99", "x", "-1", "9" * 5000])
def test_a_class_is_shown_page_by_page(many: Prepared, asked: str) -> None:
    page = many.get(f"/class/0?page={asked}")
    assert page.count("<figure>") == (16 if asked in ("2", "99") else 24)


def test_a_data_set_whose_description_is_gone_says_so(prepare: Prepare) -> None:
    found = prepare(["beagle", "pug"])
    for file in found.store.root.rglob("dataset.json"):
        file.unlink()
    assert "is not there (any more)" in words(found.get())
    found.get("/test/0.jpg", 404)


def test_without_its_pictures_a_data_set_has_its_counts(prepare: Prepare) -> None:
    found = prepare(["beagle", "pug"])
    for file in found.store.root.rglob("*.images.npy"):
        file.unlink()
    page = found.get()
    assert "beagle 2 2 4" in words(page) and "<img" not in page
    found.get("/test/0.jpg", 404)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("dataset.json", b"[]"),
        ("dataset.json", b"{}"),
        ("dataset.json", b"\xff"),
        ("test.files.json", b'["one.jpg"]'),
        ("test.labels.npy", b"no array"),
        ("test.images.npy", b"\x93NUMPY\x01\x00"),
    ],
)
def test_damaged_files_are_told_and_no_picture_has_anothers_name(
    prepare: Prepare, file: str, content: bytes
) -> None:
    found = prepare(["beagle", "pug"])
    for path in found.store.root.rglob(file):
        path.write_bytes(content)
    assert "the data set cannot be read" in words(found.get()).lower()
    found.get("/test/0.jpg", 404)
