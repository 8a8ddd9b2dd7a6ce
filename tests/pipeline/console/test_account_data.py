"""The data sets of an account's runs: their classes and pictures, in small parts."""

import io
from pathlib import Path

import pytest
from PIL import Image

from pipeline.local.store import Store
from tests.pipeline.console.account_support import Cloud, visitor
from tests.pipeline.console.data_support import SIDE, prepared_in
from tests.pipeline.console.registry_support import RegistryVisitor

REFUSED = {"file": "<i>x.jpg", "reason": "not a picture"}


@pytest.fixture
def cloud(store: Store) -> Cloud:
    return Cloud(store)


@pytest.fixture
def console(cloud: Cloud, tmp_path: Path) -> RegistryVisitor:
    return visitor(cloud, tmp_path / "console")


@pytest.fixture
def run(store: Store) -> str:
    """A run that prepared two classes."""
    return prepared_in(store, ["<b>beagle", "pug"], refused=[REFUSED]).run


def test_classes_refused_files_and_pictures_are_shown(
    console: RegistryVisitor, cloud: Cloud, run: str
) -> None:
    answer = console.client.get("/data")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/data/{run}")
    page = console.read(f"/data/{run}")
    assert "<b>beagle 2 2 4" in page and "<i>x.jpg not a picture" in page
    assert "<b>" not in console.get(f"/data/{run}")
    assert "test/pug/3.jpg" in console.read(f"/data/{run}/class/1")
    content = console.client.get(f"/data/{run}/test/3.jpg").content
    with Image.open(io.BytesIO(content)) as shown:
        assert shown.size == (SIDE, SIDE)
        assert abs(shown.convert("L").getpixel((0, 0)) - 30) <= 2


def test_a_picture_is_one_small_request_and_asked_for_once(
    console: RegistryVisitor, cloud: Cloud, run: str
) -> None:
    console.get(f"/data/{run}")
    before = len(cloud.sent)
    console.console.place.look_again()
    for _ in range(2):
        console.get(f"/data/{run}/train/0.jpg")
    assert cloud.sent[before:] == ["train.images.npy"]


def test_nothing_is_downloaded(console: RegistryVisitor, tmp_path: Path, run: str) -> None:
    for path in ("", "/class/0", "/train/0.jpg"):
        console.get(f"/data/{run}{path}")
    assert list((tmp_path / "console").iterdir()) == []


def test_of_a_large_index_the_counts_are_shown_and_why_no_pictures_are(
    console: RegistryVisitor, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console.console.place.source, "_largest_read", 700)
    page = console.read(f"/data/{run}")
    assert "<b>beagle 2 2 4" in page
    assert "No pictures of train are shown:" in page and "too much for a page" in page
    assert "too much for a page" in console.read(f"/data/{run}/class/0")


def test_the_data_that_may_not_be_read_says_so(
    console: RegistryVisitor, cloud: Cloud, run: str
) -> None:
    cloud.refused["dataset.json"] = ("AccessDenied", "not you")
    assert "may not be read with these credentials" in console.read(f"/data/{run}")


def test_without_runs_there_is_no_data(console: RegistryVisitor) -> None:
    assert "None of the newest runs has prepared a data set." in console.read("/data")
    console.get("/data/abc", 404)
