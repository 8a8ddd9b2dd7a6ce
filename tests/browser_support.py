"""A real browser for the tests of pages: its sizes and schemes, and what a page must hold in it."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
DRIVER = shutil.which("chromedriver")
AXE = Path(os.environ.get("AXE_CORE", Path(sys.prefix) / "axe/node_modules/axe-core/axe.min.js"))
IN_A_BROWSER = [
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="there is no chromium with chromedriver"),
    pytest.mark.xdist_group("browser"),
]
PHONE, LARGE_PHONE, LAPTOP = 375, 390, 1280
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


_AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then(
  (found) => done(found.violations.flatMap(one => one.nodes.map(
    (node) => `${one.id}: ${node.html.slice(0, 200)} ${node.failureSummary}`))),
  (error) => done([String(error)]));
"""


@contextmanager
def chromium() -> Iterator[Any]:
    """Open a browser without a window for as long as the block runs."""
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    options = ChromeOptions()
    options.binary_location = BROWSER or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Its socket lies in the temporary folder, and a socket's path may not be long.
    environment = {name: value for name, value in os.environ.items() if name != "TMPDIR"}
    driver = Chrome(options=options, service=ChromeService(DRIVER, env=environment))
    try:
        yield driver
    finally:
        driver.quit()


def look(browser: Any, width: int, scheme: str = "light") -> None:
    """Make what is opened next a phone's or a laptop's, light or dark."""
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width != LAPTOP}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)


def click(browser: Any, by: str, name: str) -> None:
    """Press what is found so, found again where the page was drawn anew in the meantime."""
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.support.ui import WebDriverWait

    def pressed(driver: Any) -> bool:
        driver.find_element(by, name).click()
        return True

    ignored = (StaleElementReferenceException,)
    WebDriverWait(browser, 60, ignored_exceptions=ignored).until(pressed, f"no {name} to press")


def axe_findings(browser: Any) -> list[str]:
    """Return what axe-core finds wrong with the page for those who cannot see or point."""
    browser.execute_script(_axe())
    found: list[str] = browser.execute_async_script(_AXE)
    return found


@cache
def _axe() -> str:
    return f"(0, eval)({json.dumps(AXE.read_text(encoding='utf-8'))})"
