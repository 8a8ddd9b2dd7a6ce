"""A command goes on when nobody reads what it prints, and its exit code says how it ended."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.command_line.running import ROOT

PROGRAM = """
import os, sys
from pipeline.command_line.running import run_command

def main(_):
    with open(sys.argv[1], "w") as file:  # takes a number that is free
        for number in range(20_000):
            print("out", number)
            print("err", number, file=sys.stderr)
        file.write("done")
    print("end \\udcff")
    return int(sys.argv[2])

sys.exit(run_command(main))
"""


def _run(redirected: str, tmp_path: Path, code: int = 0) -> tuple[int, str]:
    """The program's exit code in that place of a shell's line, and what the line printed."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    words = f"{sys.executable} {program} {tmp_path / 'file'} {code} {redirected}"
    done = subprocess.run(
        ["bash", "-c", f"{words}; echo ${{PIPESTATUS[0]}} > {tmp_path / 'code'}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )
    return int((tmp_path / "code").read_text()), done.stdout + done.stderr


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize(
    ("redirected", "printed"),
    [
        ("2>/dev/null | head -1", "out 0\n"),
        ("2>&1 >/dev/null | head -1", "err 0\n"),
        ("2>/dev/null | true", ""),
        (">&- 2>/dev/null", ""),
        ("2>&- >/dev/null", ""),
        ("<&- >&- 2>&-", ""),
    ],
)
def test_a_command_outlives_its_readers(
    redirected: str, printed: str, code: int, tmp_path: Path
) -> None:
    assert _run(redirected, tmp_path, code) == (code, printed)
    assert (tmp_path / "file").read_text() == "done"


def test_output_that_is_lost_on_a_full_disk_is_a_failure(tmp_path: Path) -> None:
    code, printed = _run(">/dev/full 2>/dev/null", tmp_path)
    assert (code, printed) == (1, "")


def test_every_command_is_run_in_the_one_way() -> None:
    mains = sorted((ROOT / "pipeline").glob("*/__main__.py"))
    assert mains
    for path in mains:
        last = ast.unparse(ast.parse(path.read_text()).body[-1])
        assert "sys.exit(run_command(main))" in last, path
