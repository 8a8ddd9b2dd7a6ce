"""Comparing, approving and rolling back as people do it: in a real browser."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.command_line.running import ROOT
from pipeline.console.app import create_app
from pipeline.console.context import Console
from pipeline.console.security import Keys
from pipeline.local.service.deployments.deployer import install_deployer
from pipeline.local.service.following import version_in
from pipeline.local.service.server import listen_on, running_service, serving
from pipeline.local.store import Store
from pipeline.settings.loading import load_settings
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
from tests.pipeline.console.registry_support import Exam, prepare, register

pytestmark = IN_A_BROWSER
HOSTILE = "<img src=x onerror=alert(1)>" + "x" * 60
EXAM = Exam(["beagle", "boxer", HOSTILE], [0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
PAGES = ("", "/2", "/2/approve", "/2/reject", "/rollback", "/compare?first=2&second=1")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="module")
def store(
    tmp_path_factory: pytest.TempPathFactory,
    write_model: Callable[..., Path],
    register_package: Callable[..., str],
) -> Store:
    """Two versions with models that answer, the pictures they were tested on, and a rule."""
    made = Store(tmp_path_factory.mktemp("console") / "state")
    install_deployer(made, load_settings(ROOT / "pipeline.yaml", "local", ["project=dogs"]))
    run = prepare(made, EXAM)
    for number, wrong in ((1, {0: 1, 1: 1, 8: 0}), (2, {0: 1, 4: 0})):
        model = f"s3://b/model-{number}.tar.gz"
        write_model(made.path(model), f"label {number}")
        register(made, register_package, EXAM, wrong, run=run, model=model)
    return made


@pytest.fixture(scope="module")
def console(store: Store) -> Iterator[tuple[str, Keys]]:
    """A console over a live service."""
    keys = Keys()
    app = create_app(Console(store.root, ROOT / "pipeline.yaml"), keys)
    with running_service(store) as service, listen_on(0) as listener:
        note = {"pid": os.getpid(), "port": service.port, "url": service.url}
        (store.root / "service.json").write_text(json.dumps(note))
        with serving(app, listener, grace_seconds=0):
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", keys


@pytest.fixture
def group(browser: Any, console: tuple[str, Keys]) -> Iterator[str]:
    """The address of the group, in a browser that opened the printed one."""
    from selenium.webdriver.support.ui import WebDriverWait

    own, keys = console
    browser.get(f"{own}/?token={keys.token}")
    WebDriverWait(browser, PATIENCE).until(lambda driver: driver.find_elements("tag name", "nav"))
    browser.get_log("browser")
    yield f"{own}/registry/dogs"
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def press(browser: Any, text: str) -> None:
    click(browser, "xpath", f"//main//*[self::a or self::button][.='{text}']")


def wait_for(browser: Any, *texts: str) -> None:
    """Wait until the main part of the page says all that, without loading it again."""
    from selenium.webdriver.support.ui import WebDriverWait

    def said(driver: Any) -> bool:
        shown = driver.execute_script("return document.querySelector('main').innerText")
        return all(text in shown for text in texts)

    WebDriverWait(browser, PATIENCE).until(said)


def test_a_story_of_two_versions(browser: Any, group: str, store: Store) -> None:
    """The first is approved with the script off, the second with it, and then rolled back."""
    from selenium.webdriver.support.ui import WebDriverWait

    look(browser, LAPTOP)
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(f"{group}/1")
    press(browser, "Approve…")
    browser.find_element("name", "reason").send_keys("the first one")
    press(browser, "Approve version 1")
    WebDriverWait(browser, PATIENCE).until(lambda driver: driver.current_url == f"{group}/1")
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    browser.get(group)
    wait_for(browser, "InService version 1")

    press(browser, "with 1")
    wait_for(browser, "Version 2 less version 1: +10.0 points", "Only version 2 is right")
    browser.get(f"{group}/2")
    press(browser, "Approve…")
    wait_for(browser, "dogs-production is updated from version 1 to version 2.")
    browser.find_element("name", "reason").send_keys(HOSTILE)
    press(browser, "Approve version 2")
    wait_for(browser, "Reason: " + HOSTILE, "InService version 2")

    browser.get(group)
    press(browser, "Roll production back…")
    press(browser, "Roll back to version 1")
    wait_for(browser, "InService version 1")
    assert version_in(store, "dogs-production") == 1
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("path", PAGES)
def test_every_page_fits_and_can_be_read(browser: Any, group: str, path: str) -> None:
    for width, scheme in ((LARGE_PHONE, "dark"), (LAPTOP, "light")):
        look(browser, width, scheme)
        browser.get(f"{group}{path}")
        browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        assert browser.execute_script(BEYOND) == []
        assert browser.execute_script(PALE) == []
        levels = browser.execute_script(
            "return [...document.querySelectorAll('h1,h2,h3')].map(one => +one.tagName[1])"
        )
        assert levels.count(1) == 1 and levels[0] == 1
        assert browser.get_log("browser") == []


@pytest.mark.skipif(not AXE.is_file(), reason="there is no axe-core (make test installs it)")
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(browser: Any, group: str, path: str) -> None:
    for width, scheme in ((LAPTOP, "light"), (LARGE_PHONE, "dark")):
        look(browser, width, scheme)
        browser.get(f"{group}{path}")
        assert axe_findings(browser) == []
