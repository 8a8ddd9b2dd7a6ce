"""The console of an account as people use it: in a real browser, on a phone and a laptop."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from pipeline.console.app import create_app
from pipeline.console.context import Console
from pipeline.console.security import Keys
from pipeline.local.service.client import sagemaker_client
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
from tests.pipeline.aws.watch_support import Logs
from tests.pipeline.console.account_support import Cloud, create_endpoint, visitor
from tests.pipeline.console.data_support import prepared_in
from tests.pipeline.console.registry_support import Exam, register
from tests.pipeline.local.runner_support import Lab
from tests.pipeline.report.report_support import definition_of

pytestmark = IN_A_BROWSER
HOSTILE = "<img src=x onerror=alert(1)>" + "x" * 60
EXAM = Exam(["beagle", "boxer", HOSTILE], [0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
ARN = "arn:aws:sagemaker:us-east-1:111122223333:model-package/dogs"
LINES = [f"{HOSTILE} {number}" for number in range(1500)]
PAGES = (
    "/runs",
    "/runs/{run}",
    "/runs/{run}/logs/Train",
    "/data/{data}",
    "/data/{data}/class/2",
    "/registry",
    "/registry/dogs/2",
    "/registry/dogs/2/approve",
    "/registry/dogs/rollback",
    "/registry/dogs/compare?first=2&second=1",
    "/endpoints",
    "/endpoints/dogs-production",
    "/start",
)


@dataclass(frozen=True)
class Opened:
    """A browser at the console of an account, a run of every step, and one of data alone."""

    browser: Any
    own: str
    cloud: Cloud
    console: Console
    run: str
    data: str

    def go(self, path: str) -> None:
        self.browser.get(f"{self.own}{path.format(run=self.run, data=self.data)}")

    def press(self, text: str) -> None:
        """Press what is called so in the main part."""
        found = f"//main//*[self::a or self::button or self::summary][.='{text}']"
        click(self.browser, "xpath", found)

    def wait(self, *texts: str) -> None:
        """Wait until the main part of the page says all that."""
        from selenium.common.exceptions import WebDriverException
        from selenium.webdriver.support.ui import WebDriverWait

        def said(driver: Any) -> bool:
            shown = driver.execute_script("return document.querySelector('main').innerText")
            return all(text in shown for text in texts)

        waiting = WebDriverWait(self.browser, PATIENCE, ignored_exceptions=(WebDriverException,))
        waiting.until(said, f"{texts} at {self.browser.current_url}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, register_package: Callable[..., str]) -> Cloud:
    """An account with two versions, the first in production, numbers and long logs."""
    store = Store(tmp_path_factory.mktemp("account") / "state")
    for wrong in ({0: 1, 1: 1, 8: 0}, {0: 1, 4: 0}):
        register(store, register_package, EXAM, wrong)
    client = sagemaker_client(store)
    client.update_model_package(
        ModelPackageArn=f"{ARN}/1", ModelApprovalStatus="Approved", ApprovalDescription=HOSTILE
    )
    create_endpoint(store, "dogs-production", f"{ARN}/1")
    made = Cloud(store, logs=Logs(LINES, machines=2))
    for name, statistic, value in (
        ("Invocations", "Sum", 600.0),
        ("Invocation4XXErrors", "Sum", 20.0),
        ("Invocation5XXErrors", "Sum", 3.0),
        ("ModelLatency", "Sum", 600 * 25_000.0),
        ("ModelLatency", "SampleCount", 600.0),
        ("ModelLatency", "p99", 80_000.0),
    ):
        series = {ago: value * (1 + ago % 7 / 10) for ago in range(1, 40)}
        made.watch.values[name, statistic] = series
    made.watch.alarms = [
        {"AlarmName": f"dogs-production-{kind}", "StateValue": state, "StateReason": HOSTILE}
        for kind, state in (("errors", "ALARM"), ("latency", "OK"))
    ]
    return made


@pytest.fixture(scope="module")
def opened(
    browser: Any, cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Opened]:
    lab = Lab(cloud.store)
    run = lab.run_definition(definition_of(lab), {}).execution_id
    data = prepared_in(cloud.store, list(EXAM.classes), refused=[{"file": HOSTILE, "reason": "x"}])
    account = visitor(cloud, tmp_path_factory.mktemp("console")).console
    console, keys = Console(account.state, account.settings, account.place), Keys()
    with listen_on(0) as listener, serving(create_app(console, keys), listener, grace_seconds=2):
        own = f"http://127.0.0.1:{listener.getsockname()[1]}"
        at = Opened(browser, own, cloud, console, run, data.run)
        look(browser, LAPTOP)
        at.go(f"/?token={keys.token}")
        at.wait("Runs")
        yield at
        console.ending.set()


@pytest.mark.parametrize("path", PAGES)
def test_every_page_fits_and_can_be_read_by_everybody(opened: Opened, path: str) -> None:
    browser = opened.browser
    for width, scheme in ((LAPTOP, "light"), (LARGE_PHONE, "dark"), (LAPTOP, "dark")):
        look(browser, width, scheme)
        browser.get_log("browser")
        opened.go(path)
        silent = [one for one in browser.get_log("browser") if "404" not in one["message"]]
        assert silent == []
        browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        assert browser.execute_script(BEYOND) == []
        assert browser.execute_script(PALE) == []
        script = "return [...document.images].filter(one => one.src.endsWith('/x')).length"
        assert browser.execute_script(script) == 0
        if AXE.is_file() and (width, scheme) != (LAPTOP, "dark"):
            assert axe_findings(browser) == []


def test_a_log_is_read_backwards_and_pictures_are_seen(opened: Opened) -> None:
    look(opened.browser, LAPTOP)
    opened.go("/runs/{run}/logs/Train")
    opened.wait(LINES[-1])
    opened.press("Earlier lines")
    opened.wait(LINES[0])
    opened.go("/data/{data}")
    loaded = "return [...document.images].some(one => one.complete && one.naturalWidth > 0)"
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(opened.browser, PATIENCE).until(lambda driver: driver.execute_script(loaded))


def test_a_story_of_an_account(opened: Opened) -> None:
    """A run is stopped with the script off, and a version approved."""
    store, arn = opened.cloud.store, f"pipeline/execution/{opened.data}"
    execution = store.get("PipelineExecution", opened.data)
    assert execution is not None
    working = {**execution, "PipelineExecutionStatus": "Executing"}
    store.put("PipelineExecution", opened.data, working, arn=execution["PipelineExecutionArn"])
    opened.console.place.look_again()
    look(opened.browser, LARGE_PHONE)
    opened.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    opened.go("/runs/{data}")
    opened.press("Stop it …")
    opened.press("Stop the run")
    opened.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    opened.go("/runs/{data}")
    opened.wait("Stopping")
    assert [one for one in opened.cloud.stopped if one.endswith(arn)]

    opened.go("/registry/dogs/2")
    opened.press("Approve…")
    opened.wait("dogs-production is updated from version 1 to version 2.")
    opened.browser.find_element("name", "reason").send_keys("better")
    opened.press("Approve version 2")
    opened.wait("Reason: better")
    package = sagemaker_client(store).describe_model_package(ModelPackageName=f"{ARN}/2")
    assert package["ModelApprovalStatus"] == "Approved"
    opened.go("/endpoints/dogs-production")
    opened.wait("In the last hour", "dogs-production-errors", "99 % within")


def test_a_foreign_page_can_stop_nothing(opened: Opened) -> None:
    form = """
    const form = document.createElement("form");
    form.method = "post"; form.action = arguments[0];
    document.body.append(form); form.submit();
    """
    stopped = len(opened.cloud.stopped)
    opened.browser.get("data:text/html,<body>foreign</body>")
    opened.browser.execute_script(form, f"{opened.own}/runs/{opened.run}/stop")
    from selenium.webdriver.support.ui import WebDriverWait

    said = lambda driver: "answers" in driver.find_element("tag name", "body").text  # noqa: E731
    WebDriverWait(opened.browser, PATIENCE).until(said)
    assert len(opened.cloud.stopped) == stopped
