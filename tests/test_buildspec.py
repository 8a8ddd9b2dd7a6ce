"""buildspec.yml calls commands and options that exist, and needs no torch."""

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.command_line.running import ROOT

# What the build does not install; importing any of these fails as if it were not there.
ABSENT = (
    *("torch", "torchvision", "PIL", "smdebug", "optuna", "safetensors", "threadpoolctl"),
    *("jinja2", "matplotlib", "onnx", "onnxruntime", "sklearn", "scipy", "ml_dtypes"),
)


def _buildspec() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "buildspec.yml").read_text(encoding="utf-8"))
    return content


def _commands() -> list[list[str]]:
    phases = _buildspec()["phases"].values()
    return [shlex.split(line) for phase in phases for line in phase["commands"]]


OWN = [words[2:] for words in _commands() if words[2].startswith("pipeline.")]
(PYTEST,) = [words[3:] for words in _commands() if words[2] == "pytest"]


@cache
def _help(module: str) -> str:
    command = [sys.executable, "-m", module, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("words", OWN, ids=" ".join)
def test_every_command_and_option_exists(words: list[str]) -> None:
    known = set(re.findall(r"--[a-z][a-z-]+", _help(words[0])))
    used = [word.partition("=")[0] for word in words[1:] if word.startswith("--")]
    assert used
    assert set(used) <= known


def test_the_order_is_check_test_diff_upsert_and_start() -> None:
    order = [" ".join(words) for words in _commands()]
    wanted = ["pip install", "--check", "pytest", "--diff", "--upsert --start"]
    places = [next(i for i, line in enumerate(order) if word in line) for word in wanted]
    assert places == sorted(places)
    assert not any("--wait" in line for line in order)


def test_the_report_is_the_file_that_pytest_writes() -> None:
    report = _buildspec()["reports"]["tests"]
    (file,) = report["files"]
    assert report["file-format"] == "JUNITXML"
    assert PYTEST[PYTEST.index("--junitxml") + 1] == f"{report['base-directory']}/{file}"


def test_what_is_installed_is_pinned_in_the_repository() -> None:
    (install,) = [words for words in _commands() if "install" in words]
    requirements = (ROOT / install[install.index("-r") + 1]).read_text(encoding="utf-8")
    assert "-c constraints.txt" in requirements
    assert not re.search(rf"^({'|'.join(ABSENT)})\b", requirements, re.MULTILINE)


def test_the_chosen_tests_can_be_collected_without_torch(tmp_path: Path) -> None:
    """That they pass, too, with the build's own packages: make build-check."""
    changed = {"--numprocesses": "0", "--junitxml": str(tmp_path / "tests.xml")}
    before = ["", *PYTEST]
    arguments = [changed.get(option, word) for option, word in zip(before, PYTEST, strict=False)]
    blocked = f"import sys; sys.modules.update(dict.fromkeys({ABSENT!r}))"
    code = f"{blocked}; import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *arguments, "--collect-only", "-q"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
