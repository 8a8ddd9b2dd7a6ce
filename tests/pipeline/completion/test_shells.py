"""The scripts work in the shells that they are for, typed at a terminal."""

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.command_line.running import ROOT

PYTHON = sys.executable
TYPED = {
    "{python} -m pipeline.registry sh": "-m pipeline.registry show ",
    "{python} -m pipeline regi": "-m pipeline registry ",
    "{python} -m pipeline.run --set backbone.na": "-m pipeline.run --set backbone.name=END",
    "{python} -m pipeline.run --env=prod": "-m pipeline.run --env=production ",
    "{python} -m pipeline.endpoint predict requirements-l": "predict requirements-local.txt ",
    "{python} CONTRIB": "CONTRIBUTING.md ",
}
SHELLS = {"bash": ["bash", "--noprofile", "--norc", "-i"], "zsh": ["zsh", "-f", "-i"]}


@pytest.mark.parametrize("shell", SHELLS)
def test_tab_completes_a_line_at_a_terminal(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    printed = typed_at_a_terminal(shell, tmp_path)
    for line, completed in TYPED.items():
        assert f"{completed.removesuffix('END')}END" in printed, line


def typed_at_a_terminal(shell: str, home: Path) -> str:
    """Type every line with a tab, then have it echoed as it stands; return what is printed."""
    script = home / "script"
    with script.open("wb") as file:
        command = [PYTHON, "-m", "pipeline", "completion", shell]
        subprocess.run(command, cwd=ROOT, stdout=file, check=True)
    keys = [f"source {script}\n"]
    # Ctrl-A goes to the beginning: the completed line is an argument of echo
    keys += [f"{line.format(python=PYTHON)}\tEND\x01echo '\x05'\n" for line in TYPED]
    keys.append("exit\n")
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "TERM": "dumb", "COLUMNS": "500"}
    owner, terminal = pty.openpty()
    with subprocess.Popen(
        SHELLS[shell], cwd=ROOT, env=environment, stdin=terminal, stdout=terminal, stderr=terminal,
        start_new_session=True,
    ) as process:  # fmt: skip
        os.close(terminal)
        os.write(owner, "".join(keys).encode())
        printed = read_to_end(owner)
        process.wait(60)
    os.close(owner)
    return printed


def read_to_end(terminal: int) -> str:
    found = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the shell has gone
            return found.decode(errors="replace")
        if not piece:
            return found.decode(errors="replace")
        found += piece
