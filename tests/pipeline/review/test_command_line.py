"""python -m pipeline.data review, as it is typed."""

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.command_line.running import run_command
from pipeline.data.__main__ import main
from pipeline.local.store import Store
from tests.pipeline.local.runner_support import OUTPUT, Json, Lab
from tests.pipeline.review.test_command import CONTENTS, FOLDER, REVIEW, Files
from tests.pipeline.schema.schema_support import document

Call = Callable[..., tuple[int, str, str]]
_WRITE = """
import base64, json, sys
from pathlib import Path
for name, content in json.loads({files!r}).items():
    path = Path(sys.argv[1]) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(base64.b64decode(content))
"""


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(Store(tmp_path / "state"))


@pytest.fixture
def call(lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs the command with a file of decisions; answers exit code, output and errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        where = ["--state", str(lab.store.root), "--decisions", str(tmp_path / "d.csv")]
        capsys.readouterr()
        code = run_command(main, ["review", *arguments, *where])
        return code, *capsys.readouterr()

    return run


def step(lab: Lab, name: str, output: str) -> Json:
    """A step that puts out what a reviewed run has of one folder."""
    files = {
        uri.removeprefix(f"{FOLDER}/"): b64encode(content).decode()
        for uri, content in Files(json.dumps(REVIEW)).files.items()
        if uri.startswith(f"{FOLDER}/{output}/")
    }
    script = _WRITE.format(files=json.dumps(files))
    return lab.processing(name, script, outputs=[output], arguments=[OUTPUT])


def test_a_run_is_reviewed_and_what_was_decided_stays(lab: Lab, call: Call, tmp_path: Path) -> None:
    lab.run(step(lab, "Prepare", "dataset"), step(lab, "ExtractFeatures", "features"))
    code, out, errors = call()
    assert (code, errors) == (0, "")
    assert "labels     1 probably wrong, 1 doubtful\n" in out
    assert f"decisions  {tmp_path / 'd.csv'}: 3 pictures, 0 decided" in out
    decided = (tmp_path / "d.csv").read_text().replace("\n,dog,cat,", "\nrelabel,dog,cat,", 1)
    (tmp_path / "d.csv").write_text(decided)
    told = document("data review", call("newest", "--json")[1])
    assert told["rows"] == "3 pictures, 1 decided"
    assert told["review"]["suspects"][0]["picture"]["content"] == CONTENTS[0]
    assert Path(told["page"]).read_text().startswith("<!doctype html>")


def test_a_run_without_a_review_or_a_damaged_file_of_decisions_is_refused(
    lab: Lab, call: Call, tmp_path: Path
) -> None:
    lab.run(step(lab, "Prepare", "dataset"))
    code, out, errors = call()
    assert (code, out) == (1, "")
    assert "Traceback" not in errors
    (tmp_path / "d.csv").write_text("what,ever\n")
    lab.run(step(lab, "Prepare", "dataset"), step(lab, "ExtractFeatures", "features"))
    code, out, errors = call()
    assert (code, out) == (2, "")
    assert "no column decision" in errors
