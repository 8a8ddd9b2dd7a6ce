"""The entry of processing jobs: install what is missing, run the script as the main program."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from job.errors import JobError
from job.packages import unmet_requirements

CODE = Path(__file__).resolve().parents[2] / "training_code"
SCRIPT = """
import sys
import neighbour
print(__name__, neighbour.VALUE, sys.argv[1:], sys.path[0] == neighbour.FOLDER)
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A job's code folder: the runner, a script and a module that it imports."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "job").mkdir()
    for name in (
        "run_script.py",
        "job/__init__.py",
        "job/errors.py",
        "job/log.py",
        "job/packages.py",
    ):
        shutil.copyfile(CODE / name, folder / name)
    (folder / "script.py").write_text(SCRIPT)
    (folder / "neighbour.py").write_text("FOLDER = __file__.rsplit('/', 1)[0]\nVALUE = 42\n")
    return folder


def run(code: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(code / "run_script.py"), *arguments],
        env=os.environ | {"EXIT_MESSAGE_FILE": str(code / "message"), **environment},
        cwd=code.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_script_is_the_main_program_with_its_own_arguments(code: Path) -> None:
    (code / "requirements.txt").write_text("numpy>=1\npackaging\n")
    done = run(code, "script.py", "--data", "/opt/ml/x")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "__main__ 42 ['--data', '/opt/ml/x'] True\n"


def test_the_scripts_exit_code_is_the_jobs(code: Path) -> None:
    (code / "script.py").write_text("raise SystemExit(7)")
    assert run(code, "script.py").returncode == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "no script was named"), (["absent.py"], "absent.py is not in the code folder")],
)
def test_a_missing_script_is_one_clear_line(code: Path, arguments: list[str], message: str) -> None:
    done = run(code, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and message in done.stderr
    assert message in (code / "message").read_text()


def test_what_pip_cannot_install_is_named(code: Path) -> None:
    (code / "requirements.txt").write_text("numpy\nno-such-package-at-all==1.0\n")
    done = run(code, "script.py", PIP_NO_INDEX="1")
    assert done.returncode == 1
    assert "installing what the image lacks: no-such-package-at-all==1.0" in done.stdout
    assert "while installing no-such-package-at-all==1.0" in (code / "message").read_text()
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("lines", "unmet"),
    [
        ("# comment\n\nnumpy  # with a comment\n", []),
        ("numpy>=1,<99\npytest\n", []),
        ("numpy==0.1\n", ["numpy==0.1"]),
        ("not-installed-here\n", ["not-installed-here"]),
        ("not-installed-here; python_version < '3'\n", []),
        ("hypothesis[numpy]>=1\n", []),
    ],
)
def test_only_what_is_missing_or_differs_is_unmet(
    tmp_path: Path, lines: str, unmet: list[str]
) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(lines)
    assert unmet_requirements(path) == unmet


@pytest.mark.parametrize("line", ["-r other.txt", "--find-links x", "what is this"])
def test_lines_that_are_no_requirement_are_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(f"numpy\n{line}\n")
    with pytest.raises(JobError, match="line 2"):
        unmet_requirements(path)
