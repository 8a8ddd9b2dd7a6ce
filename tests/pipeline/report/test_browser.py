"""The report as people see it: opened in a real browser, laptop and phone, light and dark."""

import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pipeline.report.page.html import render
from tests.pipeline.report.report_samples import (
    diverged_report,
    empty_report,
    failed_report,
    full_report,
    many_classes,
)

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="there is no chromium with chromedriver"),
    pytest.mark.xdist_group("browser"),
]
REPORTS = {
    "full": full_report,
    "many": lambda: full_report(many_classes(120), layers=8),
    "failed": failed_report,
    "empty": empty_report,
    "diverged": diverged_report,
}
PHONE, LAPTOP = 375, 1280
LOADED = """
return [...document.images].every(one => one.complete && one.naturalWidth > 0 && one.alt)
    && document.images.length
"""
BEYOND = """
return [...document.querySelectorAll("main *")]
    .filter(one => !one.closest(".scroll, pre, svg"))
    .filter(one => one.getBoundingClientRect().right > innerWidth + 0.5)
    .map(one => one.outerHTML.slice(0, 200))
"""
# WCAG 2's contrast of every text with the opaque colour behind it, SVG's text among it.
PALE = """
const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
const rgba = (text) => {
  const [r, g, b, a = 1] = numbers(text);
  return text.startsWith("color(") ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
};
const light = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const behind = (element) => {
  for (; element; element = element.parentElement) {
    const color = rgba(getComputedStyle(element).backgroundColor);
    if (color[3] === 1) return color;
  }
  return [255, 255, 255];
};
const pale = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
  if (element.closest("script, style, title")) continue;
  const style = getComputedStyle(element);
  const own = rgba(element.closest("svg") ? style.fill : style.color);
  const [a, b] = [light(own), light(behind(element))].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < 4.5) pale.push(`${ratio.toFixed(2)}: ${walker.currentNode.data.trim()}`);
}
return [...new Set(pale)];
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    options = ChromeOptions()
    options.binary_location = BROWSER or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Its socket lies in the temporary folder, and a socket's path may not be long.
    environment = {name: value for name, value in os.environ.items() if name != "TMPDIR"}
    driver = Chrome(options=options, service=ChromeService(DRIVER, env=environment))
    yield driver
    driver.quit()


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
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(browser, page, scheme):
    opened(browser, page, LAPTOP, scheme)
    lightness = "return getComputedStyle(document.body).backgroundColor"
    dark = sum(map(int, browser.execute_script(lightness)[4:-1].split(","))) < 128
    assert dark == (scheme == "dark")
    assert browser.execute_script(PALE) == []


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
