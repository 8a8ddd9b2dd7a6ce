"""A picture dropped on an endpoint, and the data page, as people see them: in a real browser."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from deploy_endpoint import deploy
from pipeline.command_line.running import ROOT
from pipeline.console.app import create_app
from pipeline.console.context import Console
from pipeline.console.security import Keys
from pipeline.local.service.client import sagemaker_client
from pipeline.local.service.server import listen_on, running_service, serving
from pipeline.local.store import Store
from production_endpoint import Clients
from tests.browser_support import (
    AXE,
    BEYOND,
    IN_A_BROWSER,
    LAPTOP,
    PALE,
    PHONE,
    axe_findings,
    chromium,
    click,
    look,
)
from tests.conftest import ECHO
from tests.pipeline.console.data_support import prepared_in
from tests.pipeline.console.review_support import review_of

pytestmark = IN_A_BROWSER
LABEL = "<b>beagle</b>"
PATHS = ("/endpoints", "/data", "class", "review")
CLASSES = ["<b>beagle</b>", "pug"]
COPIES = {
    "files": ["train/pug/2.jpg", "test/pug/3.jpg"],
    "splits": ["test", "train"],
    "classes": ["pug"],
}
MIXING = {"first": CLASSES[0], "second": "pug", "mixed": 1, "pictures": 4}
REFUSED = {"file": "pug/" + "long-name-" * 20 + ".jpg", "reason": "not a picture"}
OF_THE_DATA = {"class": "/class/0", "review": "/review"}
# What a person does with a mouse: a file from the desktop, onto the page.
DROP = """
const [name, type, bytes] = arguments;
const given = new DataTransfer();
given.items.add(new File([new Uint8Array(bytes)], name, {type}));
for (const kind of ["dragover", "drop"]) {
  document.getElementById("ask").dispatchEvent(
    new DragEvent(kind, {dataTransfer: given, bubbles: true, cancelable: true}));
}
"""
# The map of an explained answer, and whether it lies exactly over the picture.
HEAT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAYAAABytg0kAAAAFElEQVR4nGP8"
    "z8DQwMDAwMDEAAUAGCUBg0aIlScAAAAASUVORK5CYII="
)
EXPLAINING = ECHO.replace(
    "    return json.dumps(",
    f"""    if prediction["type"] == "str":
        prediction["explanation"] = {{"heat": "{HEAT}", "looks_like": []}}
    return json.dumps(""",
)
COVERED = """
const [picture, heat] = [...document.querySelectorAll("#answers .looked img")];
const [a, b] = [picture, heat].map((one) => one.getBoundingClientRect());
const close = ["left", "top", "width", "height"].every((one) => Math.abs(a[one] - b[one]) < 1);
return [close, a.width > 30, picture.naturalWidth, heat.className, heat.alt];
"""
PASTE = DROP.replace('for (const kind of ["dragover", "drop"]) {', "{").replace(
    "new DragEvent(kind, {dataTransfer: given,",
    'new ClipboardEvent("paste", {clipboardData: given,',
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="module")
def address(
    tmp_path_factory: pytest.TempPathFactory,
    write_model: Callable[..., Path],
    register_package: Callable[..., str],
) -> Iterator[tuple[str, Keys]]:
    """A console over a live service with one endpoint."""
    store = Store(tmp_path_factory.mktemp("console") / "state")
    write_model(store.path("s3://b/model.tar.gz"), LABEL, EXPLAINING)
    client = sagemaker_client(store)
    event = {
        "model_package_arn": register_package(client, "s3://b/model.tar.gz"),
        "endpoint_name": "staging",
        "instance_type": "ml.m5.large",
        "instance_count": 1,
        "role_arn": "arn:aws:iam::111122223333:role/execution",
    }
    deploy(event, Clients(client, lambda: None), production="", staging="staging")
    found = review_of(CLASSES, mixing=[MIXING])
    prepared_in(store, CLASSES, review=found, duplicates=[COPIES], refused=[REFUSED])
    keys = Keys()
    console = Console(store.root, ROOT / "pipeline.yaml")
    with running_service(store) as service, listen_on(0) as listener:
        note = {"pid": os.getpid(), "port": service.port, "url": service.url}
        (store.root / "service.json").write_text(json.dumps(note))
        with serving(create_app(console, keys), listener, grace_seconds=2):
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", keys
            console.ending.set()


@pytest.fixture
def page(browser: Any, address: tuple[str, Keys]) -> Iterator[str]:
    """The endpoint's page, opened by the printed address."""
    own, keys = address
    browser.get(f"{own}/?token={keys.token}")
    patient(browser).until(lambda driver: "/runs" in driver.current_url)
    browser.get_log("browser")
    browser.get(f"{own}/endpoints/staging")
    yield f"{own}/endpoints/staging"
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def patient(browser: Any) -> Any:
    """Wait for what comes, also while one page gives way to the next."""
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 60, ignored_exceptions=(WebDriverException,))


def answer(browser: Any, *texts: str) -> None:
    """Wait until all of these texts stand below the form."""
    from selenium.webdriver.common.by import By

    def found(driver: Any) -> bool:
        text: str = driver.find_element(By.ID, "answers").text
        return all(one in text for one in texts)

    patient(browser).until(found)


def jpeg(folder: Path) -> Path:
    path = folder / "<i>dog.jpg"
    Image.new("RGB", (40, 30), "teal").save(path, "JPEG")
    return path


def test_where_it_looks_lies_over_the_picture(browser: Any, page: str, tmp_path: Path) -> None:
    look(browser, LAPTOP, "light")
    browser.execute_script("document.querySelector('#ask [name=explain]').checked = true")
    content = list(jpeg(tmp_path).read_bytes())
    browser.execute_script(DROP, "<i>dog.jpg", "image/jpeg", content)
    answer(browser, LABEL, "75.0%")
    drawn = "return document.querySelector('#answers .looked img')?.naturalWidth"
    patient(browser).until(lambda driver: driver.execute_script(drawn) == 40)
    says = f"Where <i>dog.jpg looks like {LABEL}: the brighter, the more a place speaks for it"
    assert browser.execute_script(COVERED) == [True, True, 40, "heat", says]


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "dark"), (LAPTOP, "light")])
def test_a_dropped_picture_is_answered_beside_itself(
    browser: Any, page: str, tmp_path: Path, width: int, scheme: str
) -> None:
    look(browser, width, scheme)
    content = list(jpeg(tmp_path).read_bytes())
    browser.execute_script(DROP, "<i>dog.jpg", "image/jpeg", content)
    answer(browser, "<i>dog.jpg", LABEL, "75.0%")
    shown = "return [...document.querySelectorAll('#answers img')].map(one => one.naturalWidth)"
    assert browser.execute_script(shown) == [40]
    browser.execute_script(PASTE, "no.png", "image/png", [137, 80, 78, 71, 13, 10, 26, 10])
    answer(browser, "no.png", "Refused (415): no PNG here")
    assert browser.execute_script(PALE) == []
    assert browser.execute_script(BEYOND) == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.get_log("browser") == []
    assert browser.current_url == page


def test_without_javascript_a_chosen_picture_is_answered_too(
    browser: Any, page: str, tmp_path: Path
) -> None:
    from selenium.webdriver.common.by import By

    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(page)
    browser.find_element(By.ID, "pictures").send_keys(str(jpeg(tmp_path)))
    click(browser, By.CSS_SELECTOR, "#ask button")
    answer(browser, "dog.jpg", LABEL, "75.0%")
    assert browser.current_url == f"{page}/ask"


def test_a_measurement_counts_and_the_numbers_follow_by_themselves(browser: Any, page: str) -> None:
    from selenium.webdriver.common.by import By

    for _ in range(2):
        click(browser, By.CSS_SELECTOR, "#ask button[formaction]")
        answer(browser, "Measuring")
        answer(browser, "Measured with a grey picture")
    refused = lambda driver: "HTTP 415" in driver.find_element(By.ID, "state").text  # noqa: E731
    patient(browser).until(refused)


def go(browser: Any, page: str, path: str) -> None:
    """Open another page of the same console: one of the data by its name in `OF_THE_DATA`."""
    own = page.removesuffix("/endpoints/staging")
    below = OF_THE_DATA.get(path)
    browser.get(f"{own}/data" if below else f"{own}{path}")
    if below:
        browser.get(f"{browser.current_url}{below}")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "light"), (LAPTOP, "dark")])
def test_pages_fit_the_screen_and_can_be_read(
    browser: Any, page: str, path: str, width: int, scheme: str
) -> None:
    look(browser, width, scheme)
    go(browser, page, path)
    assert browser.get_log("browser") == []
    assert browser.execute_script(PALE) == []
    assert browser.execute_script(BEYOND) == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_the_keyboard_alone_decides_about_a_picture(browser: Any, page: str) -> None:
    from selenium.webdriver import ActionChains, Keys

    look(browser, LAPTOP)
    go(browser, page, "review")
    focus = "document.getElementById(arguments[0]).focus()"
    browser.execute_script(focus, "1-none")
    ActionChains(browser).send_keys(Keys.ARROW_DOWN, Keys.ENTER).perform()
    said(browser, "1 decision saved", "1 kept as they are")
    browser.execute_script(focus, "1-class")  # who types a class means to relabel
    everything = ActionChains(browser).key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL)
    everything.send_keys("pug", Keys.ENTER).perform()
    said(browser, "1 decision saved", "1 to another class")


def test_without_javascript_a_picture_is_decided_about_too(browser: Any, page: str) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    go(browser, page, "review")
    click(browser, "id", "1-remove")
    click(browser, "css selector", ".doubts ~ .line button")
    said(browser, "1 decision saved", "1 left out")


def said(browser: Any, *texts: str) -> None:
    """Wait until all of these texts stand on the page."""

    def found(driver: Any) -> bool:
        text: str = driver.find_element("css selector", "main").text
        return all(one in text for one in texts)

    patient(browser).until(found)


@pytest.mark.skipif(not AXE.is_file(), reason="there is no axe-core (make test installs it)")
@pytest.mark.parametrize("path", [*PATHS, "/endpoints/staging"])
def test_axe_finds_nothing(browser: Any, page: str, path: str, tmp_path: Path) -> None:
    go(browser, page, path)
    if path == "/endpoints/staging":
        content = list(jpeg(tmp_path).read_bytes())
        browser.execute_script(DROP, "dog.jpg", "image/jpeg", content)
        answer(browser, "75.0%")
    assert axe_findings(browser) == []
