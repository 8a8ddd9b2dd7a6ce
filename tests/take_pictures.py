"""Take the pictures of the console in docs/: python -m tests.take_pictures STATE."""

import argparse
import base64
import io
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.command_line.running import ROOT
from pipeline.console.app import create_app
from pipeline.console.context import Console
from pipeline.console.security import Keys
from pipeline.local.service.server import listen_on, serving
from pipeline.sample.pictures import write_sample
from tests.browser_support import LAPTOP, LARGE_PHONE, chromium, look

_SETTLED_S = 1.0
_COLOURS = 128


@dataclass(frozen=True)
class Picture:
    """A picture to take: of the page at an address, or of where a link in it leads.

    `then` is added to the link's address.
    `asked`: so many pictures of the sample are given to the endpoint there before.
    """

    name: str
    address: str
    follow: str = ""
    then: str = ""
    width: int = LAPTOP
    height: int = 800
    scheme: str = "light"
    asked: int = 0


PICTURES = (
    Picture("console-run.png", "/runs", "#runs tbody a", height=860),
    Picture("console-compare.png", "/registry", "#versions a[href*=compare]", height=1235),
    Picture("console-approve.png", "/registry", "#versions tbody th a", "/approve", height=700),
    Picture("console-phone.png", "/runs", "#runs tbody a", "", LARGE_PHONE, 1122, "dark"),
    Picture("console-endpoint.png", "/endpoints", "#endpoints tbody a", height=1030, asked=3),
    Picture("console-data.png", "/data", height=1120),
    Picture("console-review.png", "/data", "#main a[href*=review]", height=870),
)


def main() -> int:
    """Take every picture of the runs in a state folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path, help="a state folder whose newest run is worth a look")
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    options = parser.parse_args()
    console, keys = Console(options.state.resolve(), ROOT / "pipeline.yaml"), Keys()
    with (
        listen_on(0) as listener,
        serving(create_app(console, keys), listener, grace_seconds=2),
        chromium() as browser,
    ):
        own = f"http://127.0.0.1:{listener.getsockname()[1]}"
        browser.get(f"{own}/?token={keys.token}")
        for picture in PICTURES:
            (options.out / picture.name).write_bytes(taken(browser, own, picture))
        console.ending.set()
    return 0


def taken(browser: Any, own: str, picture: Picture) -> bytes:
    """Return a picture as a small PNG."""
    look(browser, picture.width, picture.scheme)
    time.sleep(_SETTLED_S)
    browser.get(f"{own}{picture.address}")
    if picture.follow:
        link = browser.find_element("css selector", picture.follow)
        browser.get(link.get_attribute("href") + picture.then)
    if picture.asked:
        ask(browser, picture.asked)
    time.sleep(_SETTLED_S)
    clip = {"x": 0, "y": 0, "width": picture.width, "height": picture.height, "scale": 1}
    answer = browser.execute_cdp_cmd(
        "Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip}
    )
    return small(base64.b64decode(answer["data"]))


def small(png: bytes) -> bytes:
    """Return a PNG with few colours: a page hardly has more, and a third of the bytes."""
    from PIL import Image

    file = io.BytesIO()
    page = Image.open(io.BytesIO(png)).convert("RGB")
    page.quantize(_COLOURS, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue()


def ask(browser: Any, number: int) -> None:
    """Give pictures of the sample to the endpoint whose page is open, and wait for its answers."""
    from selenium.webdriver.support.ui import WebDriverWait

    with tempfile.TemporaryDirectory() as folder:
        names = write_sample(Path(folder), classes=number, per_class=10)
        files = [str(min((Path(folder) / name).iterdir())) for name in names]
        browser.find_element("id", "pictures").send_keys("\n".join(files))
        answered = "return document.querySelectorAll('#answers article').length"
        WebDriverWait(browser, 60).until(lambda one: one.execute_script(answered) == len(files))


if __name__ == "__main__":
    sys.exit(main())
