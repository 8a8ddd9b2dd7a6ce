"""Do the lines of the pages as they are typed: most in this process, which has all modules."""

import io
import subprocess
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.command_line.running import run_command

Done = subprocess.CompletedProcess[str]


def in_a_shell(line: str, folder: Path, environment: Mapping[str, str]) -> Done:
    """Run a line in a shell, and wait for its end."""
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def in_here(line: str, folder: Path, environment: Mapping[str, str]) -> Done:
    """Do what `python -m pipeline.COMMAND ...` does, with the words that a shell makes of it."""
    split = in_a_shell(f"printf '%s\\0' {line}", folder, environment)
    _, option, module, *words = split.stdout.split("\0")[:-1]
    assert option == "-m"
    out, errors = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(out),
        redirect_stderr(errors),
    ):
        patch.chdir(folder)
        for name, value in environment.items():
            patch.setenv(name, value)
        code = run_command(main, [module.removeprefix("pipeline."), *words])
    return Done(line, code, out.getvalue(), errors.getvalue())
