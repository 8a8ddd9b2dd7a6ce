"""The command: it prints an address that works once, answers there, and ends on Ctrl-C."""

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from pipeline.command_line.running import ROOT, run_command
from pipeline.console.__main__ import main
from pipeline.errors import EXIT_USAGE
from tests.patience import PATIENCE, wait_until


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--aws"], "aws.account_id is the placeholder 111122223333"),
        (["--aws", "--env", "none"], "none"),
        (["--env", "local"], "--env and --set say which account --aws shows"),
    ],
)
def test_what_names_no_account_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run_command(main, arguments) == EXIT_USAGE
    assert said in capsys.readouterr().err


def test_it_answers_at_the_address_that_it_prints(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipeline.console", "--no-browser", "--state", tmp_path]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().split()[1]
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            cookie = answer.headers["Set-Cookie"].partition(";")[0]
        own = re.sub(r"\?.*", "", address)
        asked = urllib.request.Request(f"{own}runs", headers={"Cookie": cookie})
        with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
            assert b"<h1>Runs</h1>" in answer.read()
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(address, timeout=PATIENCE)
        with urllib.request.urlopen(
            urllib.request.Request(f"{own}events", headers={"Cookie": cookie}), timeout=PATIENCE
        ) as stream:
            assert stream.readline() == b"retry: 1000\n"
            process.send_signal(signal.SIGINT)  # while somebody listens
            printed, errors = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert (process.returncode, errors) == (0, "")
    assert "for another browser: http://127.0.0.1:" in printed


def test_no_other_user_can_read_the_address_that_the_browser_opens(tmp_path: Path) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f"""#!/bin/sh
        echo "$1" > {opened}.part
        cat "${{1#file://}}" >> {opened}.part
        stat -c %a "$(dirname "${{1#file://}}")" >> {opened}.part
        mv {opened}.part {opened}
    """)
    browser.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.console", "--state", tmp_path / "state"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "BROWSER": str(browser)},
    )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().split()[1]
        wait_until(opened.exists)
        page, content, mode = opened.read_text().splitlines()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
    assert "token" not in page
    assert f"url={address}" in content
    assert mode == "700"
    assert not Path(page.removeprefix("file://")).exists()


def test_a_page_needs_none_of_the_heavy_packages(tmp_path: Path) -> None:
    heavy = ("torch", "matplotlib", "sagemaker", "boto3", "botocore", "pydantic", "numpy", "PIL")
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.pipeline.console.console_support import Visitor\n"
        "Visitor(Path(sys.argv[1])).get('/runs')\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
