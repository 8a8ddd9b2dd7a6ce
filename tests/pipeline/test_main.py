"""python -m pipeline lists the commands, and does the one that is named."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.command_line.commands import commands
from pipeline.command_line.running import ROOT, run_command

Capture = pytest.CaptureFixture[str]


def test_without_a_word_every_command_is_listed_with_what_it_is_for(capsys: Capture) -> None:
    assert run_command(main, []) == 0
    printed = capsys.readouterr().out
    for one in commands():
        assert re.search(rf"^  {one.name} +{re.escape(one.about)}$", printed, re.M)


@pytest.mark.parametrize("file", sorted((ROOT / "pipeline").glob("*/__main__.py")), ids=str)
def test_a_commands_first_line_says_what_it_is_for_and_how_it_is_called(file: Path) -> None:
    (line,) = file.read_text().splitlines()[:1]
    assert re.fullmatch(rf'"""[A-Z].{{9,70}}: python -m pipeline\.{file.parent.name}\."""', line)


def test_a_command_is_the_same_behind_the_package_and_as_a_module(capsys: Capture) -> None:
    assert run_command(main, ["settings", "gate"]) == 0
    assert "## gate" in capsys.readouterr().out


def test_an_unknown_command_is_refused_with_the_nearest(capsys: Capture) -> None:
    assert run_command(main, ["regsitry", "list"]) == 2
    assert capsys.readouterr().err == (
        "error: there is no command 'regsitry'; did you mean registry?\n"
    )


def test_nothing_of_the_commands_is_imported_to_list_them() -> None:
    program = """
import sys
from pipeline.__main__ import main
main([])
assert not [name for name in sys.modules if name.endswith(".__main__") and name.count(".") > 1]
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True)
