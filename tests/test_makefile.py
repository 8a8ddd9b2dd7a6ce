"""`make` takes the first Python that really runs, says which, and refuses what it cannot use."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.command_line.running import ROOT

MAKE = shutil.which("make")
pytestmark = pytest.mark.skipif(MAKE is None, reason="there is no make")
# What a Python is asked here: does it run, does its version do, what is it, make an environment.
WORKING = """#!/bin/sh
case "$*" in
*SystemExit*|*sys.exit*) exit {refuses} ;;
*sys.executable*) echo "{version} $0" ;;
-V) echo "Python {version}" ;;
*--target*) {may_fail} ;;
*venv*) mkdir -p .venv/bin; echo "$0 $*" >> asked; cp "$0" .venv/bin/python ;;
*pip*) echo "$*" >> asked ;;
esac
"""
MAY_FAIL = "test ! -e offline || { echo 'there is no network' >&2; exit 1; }"
# It says on its standard output what is wrong.
DEBOOTSTRAP = "#!/bin/sh\ntest ! -e offline || { echo 'there is no network'; exit 1; }\n"
SHIM = "#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n"
OLD, NEW = "3.10.1", "3.14.0"


def make(
    folder: Path, pythons: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """`make .venv/.local` with these Pythons on the PATH; a version that is "" is a shim."""
    scripts = {name: working(version) if version else SHIM for name, version in pythons.items()}
    prepare(folder, scripts)
    return run(folder, ".venv/.local", *arguments)


def working(version: str) -> str:
    refuses = int(version in (OLD, NEW))
    return WORKING.format(version=version, refuses=refuses, may_fail=MAY_FAIL)


def prepare(folder: Path, scripts: Mapping[str, str]) -> None:
    """Put a Makefile there, what it reads, and all programs that it finds."""
    programs = folder / "programs"
    programs.mkdir()
    for name, text in scripts.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (folder / "training_code").mkdir()
    for file in ("Makefile", "constraints.txt", "training_code/requirements-debugger.txt"):
        shutil.copy(ROOT / file, folder / file)
    for file in ROOT.glob("requirements*.txt"):
        shutil.copy(file, folder / file.name)
    for tool in ("sh", "grep", "mkdir", "cp", "touch", "echo", "test", "rm", "tail"):
        (programs / tool).symlink_to(shutil.which(tool) or "/bin/false")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MAKE or "make", *arguments],
        cwd=folder,
        env={"PATH": str(folder / "programs")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("pythons", "taken"),
    [
        ({"python3.11": "3.11.7", "python3.12": "3.12.1", "python3.13": "3.13.0"}, "3.12.1"),
        ({"python3.11": "3.11.7", "python3.12": "", "python3.13": "3.13.0"}, "3.13.0"),
        ({"python3.11": "3.11.7", "python3.12": "", "python3.13": ""}, "3.11.7"),
        ({"python3.11": "3.11.7"}, "3.11.7"),
    ],
)
def test_the_first_that_runs_is_taken_and_named(
    tmp_path: Path, pythons: Mapping[str, str], taken: str
) -> None:
    done = make(tmp_path, pythons)
    assert done.returncode == 0, done.stderr
    assert f"Python: {taken} " in done.stdout
    assert (tmp_path / ".venv/bin/python").is_file()


@pytest.mark.parametrize("pythons", [{}, {"python3.12": "", "python3.11": ""}])
def test_without_one_it_says_what_is_needed(tmp_path: Path, pythons: Mapping[str, str]) -> None:
    done = make(tmp_path, pythons)
    assert done.returncode != 0
    assert "Python 3.12, 3.13 or 3.11 is needed; none of them runs here" in done.stdout
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("version", [OLD, NEW])
def test_a_named_one_of_another_version_is_refused(tmp_path: Path, version: str) -> None:
    done = make(tmp_path, {"python9": version, "python3.12": "3.12.1"}, "PYTHON=python9")
    assert done.returncode != 0
    assert "python9 is another" in done.stdout
    assert not (tmp_path / ".venv").exists()


def test_the_debuggers_packages_come_last_and_without_their_requirements(tmp_path: Path) -> None:
    assert make(tmp_path, {"python3.12": "3.12.1"}).returncode == 0
    asked = [line.split() for line in (tmp_path / "asked").read_text().splitlines()]
    assert [line[-1] for line in asked[1:]] == [
        "requirements-local.txt",
        "training_code/requirements-debugger.txt",
    ]
    assert ["--no-deps" in line for line in asked[1:]] == [False, True]


def test_an_environment_of_another_python_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    old = tmp_path / ".venv/bin/python"
    old.write_text(working("3.11.7"))
    old.chmod(0o755)
    assert make(tmp_path, {"python3.12": "3.12.1"}).returncode == 0
    assert "venv --clear .venv" in (tmp_path / "asked").read_text().splitlines()[0]
    assert "3.12.1" in old.read_text()


@pytest.mark.parametrize("part", ["toolkit", "torchserve", "ray", "debian", "axe"])
def test_what_cannot_be_had_is_said_and_tried_again(tmp_path: Path, part: str) -> None:
    npm = f"#!/bin/sh\n{MAY_FAIL}\n"
    prepare(
        tmp_path,
        {"python3.12": working("3.12.1"), "npm": npm, "debootstrap": DEBOOTSTRAP},
    )
    (tmp_path / "offline").touch()
    done = run(tmp_path, f".venv/.{part}")
    assert done.returncode == 0, done.stderr
    assert "there is no network" in done.stdout + done.stderr
    assert "cannot be had" in done.stdout
    assert not (tmp_path / f".venv/.{part}").exists()
    (tmp_path / "offline").unlink()
    assert "cannot be had" not in run(tmp_path, f".venv/.{part}").stdout
    assert (tmp_path / f".venv/.{part}").exists()
