"""The console from a first look to a rollback: one story over real runs, in a real browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.command_line.running import ROOT
from pipeline.console.app import create_app
from pipeline.console.context import Console
from pipeline.console.security import Keys
from pipeline.local.service.following import version_in
from pipeline.local.service.server import listen_on, serving
from pipeline.local.store import Store
from tests.browser_support import IN_A_BROWSER, LAPTOP, chromium, click, look
from tests.e2e.conftest import Finished

pytestmark = [IN_A_BROWSER[0], pytest.mark.xdist_group("e2e")]
GROUP, PRODUCTION = "dog-breeds", "dog-breeds-production"
# Of the small run that is there already, so that its first steps come from the cache.
SMALL = {
    "preprocessing.resize": "128",
    "preprocessing.crop": "112",
    "tuning.max_jobs": "2",
    "training.epochs": "9",
    "gate.accuracy_threshold": "0.5",
}
OPEN_ALL = "document.querySelectorAll('details').forEach(one => one.open = true)"
SAID = "return document.querySelector(arguments[0])?.innerText ?? ''"
DROP = """
const given = new DataTransfer();
given.items.add(new File([new Uint8Array(arguments[0])], "dropped.jpg", {type: "image/jpeg"}));
for (const kind of ["dragover", "drop"]) {
  document.getElementById("ask").dispatchEvent(
    new DragEvent(kind, {dataTransfer: given, bubbles: true, cancelable: true}));
}
"""


class Person:
    """Somebody at a console in a browser."""

    def __init__(self, browser: Any, own: str) -> None:
        self.browser, self.own = browser, own

    def open(self, address: str) -> None:
        self.browser.get(f"{self.own}{address}")

    def press(self, text: str) -> None:
        path = f"//main//*[self::a or self::button][normalize-space()='{text}']"
        click(self.browser, "xpath", path)

    def type(self, field: str, text: str) -> None:
        element = self.browser.find_element("id", field)
        element.clear()
        element.send_keys(text)

    def reads(self, *texts: str, within: str = "main") -> None:
        """Wait until the page says all that, by itself, however its words are laid out."""
        from selenium.common.exceptions import TimeoutException, WebDriverException
        from selenium.webdriver.support.ui import WebDriverWait

        def said(browser: Any) -> bool:
            words = " ".join(browser.execute_script(SAID, within).split())
            return all(text in words for text in texts)

        waiting = WebDriverWait(self.browser, 240, ignored_exceptions=(WebDriverException,))
        try:
            waiting.until(said)
        except TimeoutException:
            pytest.fail(f"{texts} is not in: {self.browser.execute_script(SAID, 'main')}")


@contextmanager
def somebody_at(state: Path) -> Iterator[Person]:
    """Open a console over a state in a browser, for as long as the block runs."""
    console, keys = Console(state, ROOT / "pipeline.yaml"), Keys()
    app = create_app(console, keys)
    with chromium() as browser, listen_on(0) as listener, serving(app, listener, grace_seconds=2):
        person = Person(browser, f"http://127.0.0.1:{listener.getsockname()[1]}")
        look(browser, LAPTOP)
        person.open(f"/?token={keys.token}")
        person.reads("Succeeded")
        try:
            yield person
        finally:
            console.ending.set()


def approve(person: Person, version: int, reason: str) -> None:
    person.press("Approve…")
    person.reads("What will happen")
    person.type("reason", reason)
    person.press(f"Approve version {version}")
    person.reads(f"Reason: {reason}", f"{PRODUCTION} InService version {version}")


def test_start_watch_compare_approve_ask_and_roll_back(finished: Finished, tmp_path: Path) -> None:
    state = finished.copied(tmp_path / "state").state.resolve()
    picture = min(finished.data.glob("*/*.jpg"))
    with somebody_at(state) as person:
        person.open(f"/registry/{GROUP}/1")
        approve(person, 1, "the first one")

        person.open("/start")
        person.browser.execute_script(OPEN_ALL)
        person.type("data", str(finished.data))
        for field, value in SMALL.items():
            person.type(field, value)
        person.press("Start the run")
        person.reads("Run ", "Executing", "from the cache")
        person.reads("Succeeded", within="#status")
        person.reads(f"{GROUP} 2", within="#head")

        person.open(f"/registry/{GROUP}")
        person.press("with 1")
        person.reads("Version 2 less version 1:", "paired on 16 pictures", "training.epochs")
        person.press("Version 2")
        approve(person, 2, "another epoch")
        assert version_in(Store(state), PRODUCTION) == 2

        person.open(f"/endpoints/{PRODUCTION}")
        person.browser.execute_script(DROP, list(picture.read_bytes()))
        person.reads("dropped.jpg", picture.parent.name, "%", within="#answers")

        person.open(f"/registry/{GROUP}")
        person.press("Roll production back…")
        person.press("Roll back to version 1")
        person.reads(f"{PRODUCTION} InService version 1")
        assert version_in(Store(state), PRODUCTION) == 1
        assert person.browser.get_log("browser") == []
