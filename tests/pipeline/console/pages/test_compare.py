"""Two versions side by side."""

import base64
import io
import re
from collections.abc import Callable

import pytest
from PIL import Image

from pipeline.local.store import Store
from tests.pipeline.console.registry_support import (
    SIDE,
    Exam,
    RegistryVisitor,
    prepare,
    register,
    visitor,
    words,
)

EXAM = Exam(["beagle", "boxer", "<b>pug</b>"], [0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
SIDE_BY_SIDE = "/registry/dogs/compare?first=2&second=1"
Register = Callable[..., str]


@pytest.fixture
def console(store: Store, register_package: Register) -> RegistryVisitor:
    """Version 1 takes pictures 0 and 1 for boxers; 2 takes 4 and 8 for beagles, and 0 as well."""
    run = prepare(store, EXAM)
    register(store, register_package, EXAM, {0: 1, 1: 1}, run=run)
    register(store, register_package, EXAM, {0: 1, 4: 0, 8: 0}, run=run)
    return visitor(store)


def test_the_difference_has_its_paired_interval(console: RegistryVisitor) -> None:
    page = console.read(SIDE_BY_SIDE)
    assert "Version 2 less version 1: -10.0 points (95% interval -4" in page
    assert "paired on 10 pictures: only version 2 right on 1, only version 1 on 2)" in page
    assert "Test accuracy, 95% 70.0%" in page


def test_what_each_is_surest_of_and_what_was_promised_of_it_is_told(
    console: RegistryVisitor,
) -> None:
    page = console.read(SIDE_BY_SIDE)
    assert "It answers the 80% it is surest of with 90.0% accuracy." in page
    assert page.count("Validation promised 95.0% accuracy on the surest 80%") == 2
    assert "accuracy on the surest 80% 0.9 0.9" in page


def test_what_differs_most_comes_first(console: RegistryVisitor) -> None:
    page = console.read(SIDE_BY_SIDE)
    classes = page.index("Recall: how many")
    pug = page.index("<b>pug</b> 50.0% 100.0% -50.0 points 2", classes)
    beagle = page.index("beagle 75.0% 50.0% +25.0 points 4", classes)
    assert classes < pug < beagle
    assert "3 classes of 3 differ" in page
    assert "<b>pug</b> beagle 1 0" in page  # is, said, how often by each
    assert "beagle boxer 1 2" in page


def test_both_matrices_and_calibrations_are_there(console: RegistryVisitor) -> None:
    page = console.get(SIDE_BY_SIDE)
    said = words(page)
    assert said.index("Version 2: rows are") < said.index("Version 1: rows are")
    assert "beagle 3 1" in said  # a row of version 2, whose empty cells say nothing
    assert page.count("<polyline") == 3  # both, and how it should be
    assert "Version 2: off by" in said


def test_the_pictures_on_which_they_disagree_are_shown(console: RegistryVisitor) -> None:
    page = console.get(SIDE_BY_SIDE)
    said = words(page)
    first, second = said.index("Only version 2 is right 1 picture"), said.index("Only version 1 is")
    assert first < said.index("beagle/001.jpg") < second < said.index("boxer/004.jpg")
    assert "is beagle 2: beagle 87% 1: boxer 87% beagle/001.jpg" in said
    shown = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    assert len(shown) == 3
    picture = Image.open(io.BytesIO(base64.b64decode(shown[0])))
    assert picture.size == (SIDE, SIDE)
    assert abs(picture.convert("L").getpixel((8, 8)) - 7) < 3  # picture 1 is of grey 7


def test_of_one_commit_no_command_shows_how_the_code_changed(
    store: Store, register_package: Callable[..., str]
) -> None:
    for commit in ("a" * 40, "a" * 40 + "-dirty"):
        register(store, register_package, EXAM, {}, commit=commit)
    page = visitor(store).read("/registry/dogs/compare?first=2&second=1")
    assert "git diff" not in page
    assert "there were changes that were not committed" in page


def test_where_they_come_from_is_said(console: RegistryVisitor) -> None:
    page = console.read(SIDE_BY_SIDE)
    assert f"Commit {'2' * 40} {'1' * 40}" in page
    assert f"How the code changed: git diff {'1' * 40} {'2' * 40}" in page
    assert "What version 2 and version 1 was made with is not known" in page
    assert "Classes 3 3" in page
    assert "Pictures train 12 train 12" in page


def test_by_default_the_newest_is_compared_with_the_other(console: RegistryVisitor) -> None:
    assert "Version 2 less version 1" in console.read("/registry/dogs/compare")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("first=1&second=1", "version 1 is the same"),
        ("first=7", "no version 7 of dogs; there are: 1, 2"),
        ("first=../..&second=1", "no version ../.. of dogs"),
    ],
)
def test_what_cannot_be_compared_is_said(console: RegistryVisitor, query: str, said: str) -> None:
    assert said in console.read(f"/registry/dogs/compare?{query}", 404)


def test_other_data_and_a_lost_run_are_said(store: Store, register_package: Register) -> None:
    other = Exam(["beagle", "boxer", "cat"], [0, 1, 2, 2])
    runs = prepare(store, EXAM), prepare(store, other, counts=3)
    register(store, register_package, EXAM, {}, run=runs[0])
    register(store, register_package, other, {0: 1}, run=runs[1], data="0" * 64)
    register(store, register_package, other, {}, run="gone1")
    console = visitor(store)
    page = console.read(SIDE_BY_SIDE)
    assert "Tested on different data (version 2 on 000000000000 and version 1 on f" in page
    assert "unpaired and so wider, because tested on different data" in page
    assert "They cannot be compared picture by picture: tested on different data" in page
    assert "1 class that only version 2 knows cat" in page
    assert "4 classes have other numbers of pictures" in page
    lost = console.read("/registry/dogs/compare?first=3&second=2")
    assert "The data set of version 3: run gone1 is not there any more." in lost


def test_pictures_that_are_gone_leave_their_names(store: Store, register_package: Register) -> None:
    register(store, register_package, EXAM, {0: 1})
    register(store, register_package, EXAM, {})
    page = visitor(store).get(SIDE_BY_SIDE)
    assert "no picture" in page
    assert "beagle/000.jpg" in words(page)


@pytest.mark.parametrize("count", [120, 1000])
def test_of_many_classes_what_differs_is_shown_and_the_rest_folded(
    store: Store, register_package: Register, count: int
) -> None:
    exam = Exam([f"class {n:04}" for n in range(count)], range(count))
    register(store, register_package, exam, {})
    register(store, register_package, exam, dict.fromkeys(range(1, count // 2), 0))
    page = visitor(store).get(SIDE_BY_SIDE)
    changed = count // 2 - 1
    assert f"{changed - 15} more classes differ" in page
    assert "Both confusion matrices" not in page
    assert page.count("<img") + page.count("no-picture") == 12
    assert f"{min(188, changed - 12)} more pictures, by name" in page
    assert len(page) < 1_000_000
