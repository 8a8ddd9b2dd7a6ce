"""Every command ends with one line and a documented exit code, whatever a user does."""

import errno
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.command_line.running import (
    ROOT,
    add_settings_options,
    from_here,
    overrides_of,
    parser,
    run_command,
)
from pipeline.errors import PipelineError, UsageError
from pipeline.version import VERSION


@pytest.mark.parametrize(
    ("raised", "code", "line"),
    [
        (UsageError("unknown key 'x'"), 2, "error: unknown key 'x'\n"),
        (PipelineError("step Train failed"), 1, "error: step Train failed\n"),
        (KeyboardInterrupt(), 3, "stopped\n"),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "/no/plot.png"),
            1,
            "error: No such file or directory: /no/plot.png\n",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "error: No space left on device\n"),
    ],
)
def test_what_a_user_can_cause_is_one_line_and_an_exit_code(
    raised: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(arguments: Sequence[str] | None) -> int:
        raise raised

    assert run_command(main) == code
    assert capsys.readouterr().err == line


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    def main(arguments: Sequence[str] | None) -> int:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run_command(main)


def test_help_shows_examples_and_exit_codes() -> None:
    text = parser("pipeline.run", "Runs it.", "  python -m pipeline.run --local").format_help()
    assert "python -m pipeline.run --local" in text
    assert "3 stopped" in text


def test_no_command_imports_anything_heavy_before_it_is_asked_for_help() -> None:
    mains = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / "pipeline").glob("*/__main__.py"))
        if path.parent.name != "settings"  # it is about pydantic's models
    ]
    assert "pipeline.run.__main__" in mains
    program = f"""
import sys, {", ".join(mains)}
heavy = {{'boto3', 'botocore', 'rich', 'starlette', 'torch', 'numpy', 'sqlite3', 'pydantic'}}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert not [name for name in sys.modules if name.startswith('pipeline.check')]
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        parser("pipeline.run", "Runs it.", "").parse_args(["--version"])
    assert capsys.readouterr().out.strip() == VERSION


def test_a_region_overrides_the_settings_as_a_set_does() -> None:
    command = parser("pipeline.run", "Runs it.", "")
    add_settings_options(command)
    assert overrides_of(command.parse_args(["--set", "a.b=1"])) == ["a.b=1"]
    given = command.parse_args(["--region", "eu-west-1", "--set", "a.b=1"])
    assert overrides_of(given) == ["a.b=1", "aws.region=eu-west-1"]


def test_a_path_below_the_working_directory_is_shown_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert from_here(tmp_path / "a" / "b") == "a/b"
    assert from_here(Path("/somewhere/else")) == "/somewhere/else"
