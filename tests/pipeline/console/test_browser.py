"""The console as people use it: in a real browser, on a phone and a laptop, light and dark."""

import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.command_line.running import ROOT
from pipeline.console import events
from pipeline.console.app import create_app
from pipeline.console.context import Console
from pipeline.console.security import Keys
from pipeline.local.service.server import listen_on, serving
from pipeline.local.store import Store
from tests.browser_support import (
    AXE,
    BEYOND,
    IN_A_BROWSER,
    LAPTOP,
    LARGE_PHONE,
    PALE,
    axe_findings,
    chromium,
    click,
    look,
)
from tests.patience import PATIENCE
from tests.pipeline.console.console_support import HOSTILE, add_run
from tests.pipeline.local.runner_support import Lab
from tests.pipeline.report.report_support import definition_of

pytestmark = IN_A_BROWSER
PAGES = ("/runs", "/runs/{run}", "/runs/{run}/logs/Train", "/start", "/runs/nope")

WAITING = """
import time
print("<b>it waits</b>", flush=True)
for _ in range(6000):
    if not os.path.exists({file!r}):
        time.sleep(0.1)
"""


class Opened:
    """A browser at a console."""

    def __init__(self, browser: Any, own: str) -> None:
        self.browser, self.own = browser, own

    def go(self, address: str) -> None:
        self.browser.get(f"{self.own}{address}")

    def text(self, selector: str = "main") -> str:
        """What is to be read there now."""
        script = "return document.querySelector(arguments[0])?.innerText ?? ''"
        return str(self.browser.execute_script(script, selector))

    def wait(self, words: str, selector: str = "main", seconds: float = PATIENCE) -> str:
        """Wait until the page says that by itself."""
        deadline = time.monotonic() + seconds
        while not re.search(words, text := self.text(selector)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert re.search(words, text), text
        return text

    def click(self, selector: str) -> None:
        click(self.browser, "css selector", selector)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@contextmanager
def console_at(browser: Any, state: Path) -> Iterator[Opened]:
    """Open a console over a state in the browser, for as long as the block runs."""
    console, keys = Console(state, ROOT / "pipeline.yaml"), Keys()
    with listen_on(0) as listener, serving(create_app(console, keys), listener, grace_seconds=2):
        at = Opened(browser, f"http://127.0.0.1:{listener.getsockname()[1]}")
        look(browser, LAPTOP)
        at.go(f"/?token={keys.token}")
        at.wait("There are no runs yet")
        yield at
        console.ending.set()


def test_what_changes_before_a_page_listens_is_shown_too(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with console_at(browser, tmp_path) as at:
        listens, store = events._changes, Store(tmp_path)

        async def late(*given: Any) -> AsyncIterator[bytes]:
            if not store.count("PipelineExecution"):
                add_run(store, "meanwhile")
            async for one in listens(*given):
                yield one

        monkeypatch.setattr(events, "_changes", late)
        at.go("/runs")
        at.wait("meanwhile")


@pytest.fixture(scope="module")
def opened(browser: Any, state: Path) -> Iterator[Opened]:
    with console_at(browser, state) as at:
        yield at


@pytest.fixture(scope="module")
def watched(opened: Opened, state: Path) -> tuple[str, dict[str, str]]:
    """A run that a browser watched from its begin to its end, and what it then read."""
    lab, go_on = Lab(Store(state)), state / "go on"
    definition = definition_of(lab, WAITING.format(file=str(go_on)))
    opened.go("/runs")
    work = threading.Thread(target=lambda: lab.run_definition(definition, {}))
    work.start()
    try:
        run = opened.wait("Executing", "#runs tbody").split()[0]
        opened.click("#runs tbody a")
        opened.wait(r"Train Training\s+Executing", "#steps table")
        opened.wait("<b>it waits</b>", "#tails")
        opened.wait("4 of at most 4 trials", "#tuning")
        go_on.touch()
        opened.wait("Succeeded", "#status")
        opened.wait("75.0%", "#head")
        seen = {name: opened.text(f"#{name}") for name in ("head", "steps", "tuning", "training")}
    finally:
        go_on.touch()
        work.join()
    return run, seen


def test_the_list_and_the_run_follow_what_happens(watched: tuple[str, dict[str, str]]) -> None:
    run, seen = watched
    assert run in seen["head"] and "75.0%" in seen["head"]
    assert "4 of at most 4 trials" in seen["tuning"]
    assert "3 epochs" in seen["training"]


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("width", [LARGE_PHONE, LAPTOP])
def test_every_page_fits_the_screen_and_the_console_is_silent(
    opened: Opened, watched: tuple[str, dict[str, str]], address: str, width: int
) -> None:
    look(opened.browser, width)
    opened.browser.get_log("browser")
    opened.go(address.format(run=watched[0]))
    silent = [one for one in opened.browser.get_log("browser") if "404" not in one["message"]]
    assert silent == []
    script = "document.querySelectorAll('details').forEach(one => one.open = true)"
    opened.browser.execute_script(script)
    wide = opened.browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width
    assert opened.browser.execute_script(BEYOND) == []


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out(
    opened: Opened, watched: tuple[str, dict[str, str]], address: str, scheme: str
) -> None:
    look(opened.browser, LAPTOP, scheme)
    opened.go(address.format(run=watched[0]))
    assert opened.browser.execute_script(PALE) == []


@pytest.mark.skipif(not AXE.is_file(), reason="there is no axe-core (make test installs it)")
@pytest.mark.parametrize("address", PAGES)
def test_axe_finds_nothing(
    opened: Opened, watched: tuple[str, dict[str, str]], address: str
) -> None:
    for width, scheme in ((LAPTOP, "light"), (LARGE_PHONE, "dark")):
        look(opened.browser, width, scheme)
        opened.go(address.format(run=watched[0]))
        assert axe_findings(opened.browser) == []


def test_what_came_from_users_runs_no_script(opened: Opened, state: Path) -> None:
    add_run(Store(state), "hostile", "Failed", DataUri=f"file:///{HOSTILE}", GitCommit=HOSTILE)
    for address in ("/runs", "/runs/hostile"):
        opened.go(address)
        assert "onerror" in opened.text()
        assert opened.browser.execute_script("return document.querySelectorAll('img').length") == 0


def test_a_page_says_when_it_follows_no_longer(browser: Any, tmp_path: Path) -> None:
    with console_at(browser, tmp_path) as at:
        shown = "return document.getElementById('lost').checkVisibility()"
        assert not browser.execute_script(shown)
    at.wait("no longer follows")


def test_a_form_is_sent_and_says_what_is_wrong_beside_what_was_typed(opened: Opened) -> None:
    look(opened.browser, LAPTOP)
    opened.go("/start")
    field = opened.browser.find_element("id", "project")
    field.clear()
    field.send_keys("Not A Name")
    opened.click("button.strong")
    opened.wait("project: 'Not A Name' must be", ".bad[role=alert]")
    value = "return document.getElementById('project').value"
    assert opened.browser.execute_script(value) == "Not A Name"


def test_a_foreign_page_cannot_act(opened: Opened, state: Path) -> None:
    stopped = "fetch(arguments[0], {method: 'POST', mode: 'no-cors', credentials: 'include'})"
    form = """
    const form = document.createElement("form");
    form.method = "post"; form.action = arguments[0];
    document.body.append(form); form.submit();
    """
    opened.browser.get("data:text/html,<body>foreign</body>")
    opened.browser.execute_async_script(
        f"const done = arguments[1]; {stopped}.then(() => done(), () => done())",
        f"{opened.own}/start",
    )
    opened.browser.execute_script(form, f"{opened.own}/start")
    opened.wait("answers", "body")
    assert not (state / "started").exists()


def test_the_keyboard_alone_is_enough(
    opened: Opened, watched: tuple[str, dict[str, str]], press: Callable[[str], None]
) -> None:
    look(opened.browser, LAPTOP)
    opened.go("/runs")
    press("TAB")
    focused = "return document.activeElement.className + ' ' + document.activeElement.innerText"
    assert "skip" in opened.browser.execute_script(focused)
    press("ENTER")
    press("TAB")
    assert "Start a run" in opened.browser.execute_script(focused)
    press("ENTER")
    opened.wait("What is set most often")


@pytest.fixture
def press(browser: Any) -> Callable[[str], None]:
    from selenium.webdriver import ActionChains, Keys

    def send(key: str) -> None:
        ActionChains(browser).send_keys(getattr(Keys, key)).perform()

    return send
