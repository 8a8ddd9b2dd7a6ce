"""The commands of README and docs do what the pages say: their own lines, in order, after a run."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, Finished
from tests.e2e.typed import Done, in_a_shell, in_here

pytestmark = pytest.mark.xdist_group("e2e")
PAGES = (
    *("README.md", "docs/console.md", "docs/debugger.md", "docs/aws.md", "docs/serving.md"),
    "docs/data.md",
)
# Added to a line, after what the page says: to be quick, and to leave the port to others.
MORE = {
    "pipeline.console": " --no-browser",
    "endpoint bench": " --seconds 1 --concurrency 1",
    "endpoint serve": " --port 0",
}
# Lines that are printed by what goes on until it is stopped.
GREETING = {"endpoint serve": 4, "pipeline.console": 2}
BROWSES = "--open"
# What a line has to print, by a part of it.
PRINTS = {
    "registry list": r"^2 +PendingManualApproval +\d+\.\d% ",
    "registry show newest": r"^git commit +[0-9a-f]{40}",
    "registry compare 2 1": r"^accuracy ",
    "registry approve newest": r"^dog-breeds-production: version 2 is in service",
    "data review": r"^decisions +decisions\.csv: ",
    "endpoint predict": r"^a\.jpg +\w+ +\d+\.\d\d%",
    "endpoint predict photo.jpg --explain": r"^saved heat\.png",
    "endpoint predict FOLDER --csv": r"^answers\.csv: 1 pictures, 1 answered, 0 errors",
    "endpoint predict ~/pictures --csv": r"^answers\.csv: 1 pictures, 1 answered, 0 errors",
    "endpoint bench": r"^ *1 +\d+ ",
    "endpoint serve": r"^  curl ",
    "endpoint status": r"^dog-breeds-production +idle +dog-breeds/2 ",
    "pipeline.monitor": r"^verdict +Nothing can be said: ",
    "pipeline.console": r"^console http://127\.0\.0\.1:\d+/\?token=",
    "pipeline.report   ": r"^\w{12} +dog-breeds +Succeeded ",
    "report newest": r"report\.html$",
    "report compare newest": r"^accuracy [+-]\d\.\d{4} .*paired on",
    "report tensors newest  ": r"^\S*Head_linear\.weight ",
    "report tensors newest NAME": r"(?s).",
    "report prune --keep 5": r"^0 runs removed, 2 stay",
    "run --check": r"^0 errors, 0 warnings",
    "run --diff old.json": r"^no differences",
    "run --monitoring": r'"Name": "Monitor"',
    "run --cost": r"^The most that a run can cost, in USD:",
    "bootstrap --dry-run": r"^AWS::S3::Bucket +dog-breeds-111122223333-us-east-1 ",
}


def lines_of_pages() -> list[str]:
    """Every line of a block that is one of our commands, but for those that need more than it."""
    blocks = re.findall(
        r"^```\n(.*?)^```", "".join((ROOT / p).read_text() for p in PAGES), re.M | re.S
    )
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [
        line
        for line in lines
        if line.startswith("python -m pipeline.") and not re.search("--data|--aws", line)
    ]


def run_line(line: str, folder: Path, environment: dict[str, str]) -> str:
    """Do a page's line as it is typed, and check what it prints; return its key."""
    key = max((key for key in PRINTS if key in line), key=len)
    typed = re.split(r" {2,}", line)[0].replace("NAME", "Head_linear.weight")
    typed += next((more for name, more in MORE.items() if name in typed), "")
    if lines := next((count for name, count in GREETING.items() if name in typed), 0):
        done = until_greeted(typed, lines, folder, environment)
    else:
        done = (in_a_shell if BROWSES in typed else in_here)(typed, folder, environment)
    assert done.returncode == 0, f"{typed}: {done.stderr}"
    assert re.search(PRINTS[key], done.stdout, re.M), f"{typed}: {done.stdout}"
    return key


def until_greeted(typed: str, lines: int, folder: Path, environment: dict[str, str]) -> Done:
    """Run a line in a shell until it has printed so many lines, then press Ctrl-C."""
    process = subprocess.Popen(
        ["bash", "-c", f"exec {typed}"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    printed = "".join(process.stdout.readline() for _ in range(lines))
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=300)
    return Done(typed, process.returncode, printed + rest, errors)


def test_the_pages_commands_work_in_order_as_they_are_printed(
    again: Finished, environment: dict[str, str], tmp_path: Path
) -> None:
    state = again.copied(tmp_path / "state").state
    for name, picture in zip(("a.jpg", "photo.jpg"), again.data.rglob("*.jpg"), strict=False):
        shutil.copy(picture, tmp_path / name)
    for folder in ("FOLDER", "pictures"):
        (tmp_path / folder).mkdir()
        shutil.copy(tmp_path / "a.jpg", tmp_path / folder / f"{folder}.jpg")
    shutil.copy(ROOT / again.result["model"], tmp_path / "model.tar.gz")
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    settings = {"PYTHONPATH": str(ROOT), "PIPELINE_STATE": str(state), "BROWSER": "true"}
    environment |= settings | {"PATH": path, "COLUMNS": "200", "HOME": str(tmp_path)}
    kept = "python -m pipeline.run --definition > old.json"
    assert kept in (ROOT / "docs/aws.md").read_text()
    in_a_shell(kept, tmp_path, environment).check_returncode()

    ran = [run_line(line, tmp_path, environment) for line in lines_of_pages()]

    assert set(ran) == set(PRINTS)
    assert (tmp_path / "answers.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "t.png").read_bytes().startswith(b"\x89PNG")
