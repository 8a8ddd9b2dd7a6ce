"""The report as people see it: opened in a real browser, laptop and phone, light and dark."""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pipeline.report.page.html import render
from tests.browser_support import (
    AXE,
    BEYOND,
    IN_A_BROWSER,
    LAPTOP,
    LARGE_PHONE,
    PALE,
    PHONE,
    axe_findings,
    chromium,
    look,
)
from tests.pipeline.report.report_samples import (
    diverged_report,
    empty_report,
    failed_report,
    full_report,
    many_classes,
)

pytestmark = IN_A_BROWSER
REPORTS = {
    "full": full_report,
    "many": lambda: full_report(many_classes(120), layers=8),
    "failed": failed_report,
    "empty": empty_report,
    "diverged": diverged_report,
}
LOADED = """
return [...document.images].every(one => one.complete && one.naturalWidth > 0 && one.alt)
    && document.images.length
"""
# Boxes whose content sticks out of them.
BURST = """
return [...document.querySelectorAll("main, main *")]
    .filter(one => !one.closest("pre, svg") && getComputedStyle(one).overflowX === "visible")
    .filter(one => one.clientWidth && one.scrollWidth > one.clientWidth + 1)
    .map(one => one.outerHTML.slice(0, 200))
"""
# Tables that lie in no box of their own that scrolls, and such boxes that no key reaches.
FIXED = """
const boxes = [...document.querySelectorAll(".scroll")].filter(one => one.tabIndex !== 0);
const tables = [...document.querySelectorAll("main table")].filter(one => !one.closest(".scroll"));
return [...boxes, ...tables].map(one => one.outerHTML.slice(0, 200))
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="module")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    return cache(lambda name: render(REPORTS[name](), tmp_path_factory.mktemp(name)))


@pytest.fixture(params=REPORTS)
def page(request: pytest.FixtureRequest, page_of: Callable[[str], Path]) -> Path:
    return page_of(request.param)


@pytest.fixture
def full(page_of: Callable[[str], Path]) -> Path:
    return page_of("full")


def opened(browser: Any, page: Path, width: int, scheme: str = "light") -> None:
    look(browser, width, scheme)
    browser.get(page.as_uri())


@pytest.mark.parametrize("width", [PHONE, LAPTOP])
def test_the_page_fits_the_screen_and_the_console_is_silent(browser, page, width):
    opened(browser, page, width)
    assert browser.get_log("browser") == []
    browser.execute_script("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script(BEYOND) == []
    fallen = "return [...document.querySelectorAll('.plot svg')].filter(s => !s.clientHeight)"
    assert browser.execute_script(fallen) == []


def test_on_a_phone_tables_scroll_in_their_own_box_and_no_box_bursts(browser, page):
    opened(browser, page, LARGE_PHONE)
    browser.execute_script("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= LARGE_PHONE
    assert browser.execute_script(BURST) == []
    assert browser.execute_script(FIXED) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(browser, page, scheme):
    opened(browser, page, LAPTOP, scheme)
    lightness = "return getComputedStyle(document.body).backgroundColor"
    dark = sum(map(int, browser.execute_script(lightness)[4:-1].split(","))) < 128
    assert dark == (scheme == "dark")
    assert browser.execute_script(PALE) == []


@pytest.mark.skipif(not AXE.is_file(), reason="there is no axe-core (make test installs it)")
def test_axe_finds_nothing(browser, page):
    opened(browser, page, LAPTOP)
    browser.execute_script("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert axe_findings(browser) == []


def test_every_picture_loads_and_says_what_it_shows(browser, full):
    opened(browser, full, LAPTOP)
    assert browser.execute_script(LOADED) == 5  # of six mistakes one has no picture
    unnamed = "return document.querySelectorAll('[role=img]:not([aria-label])').length"
    assert browser.execute_script(unnamed) == 0


def test_headings_form_an_outline(browser, full):
    opened(browser, full, LAPTOP)
    levels = browser.execute_script(
        "return [...document.querySelectorAll('h1,h2,h3,h4')].map(one => +one.tagName[1])"
    )
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_a_heading_sorts_its_table_both_ways(browser, full):
    opened(browser, full, LAPTOP)
    values = (
        "return [...document.querySelectorAll('#tuning tbody tr')]"
        ".map(row => +row.cells[1].dataset.value || +row.cells[1].textContent)"
    )
    press = "document.querySelectorAll('#tuning thead button')[1].click()"
    browser.execute_script(press)
    rising = browser.execute_script(values)
    assert rising == sorted(rising) and len(set(rising)) > 3
    browser.execute_script(press)
    assert browser.execute_script(values) == rising[::-1]
