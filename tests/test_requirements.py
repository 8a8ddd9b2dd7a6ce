"""Jobs install only what their image lacks, at the versions that run on this machine too."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pipeline.assets.packages import pinned
from pipeline.command_line.running import ROOT
from pipeline.images.catalog import load_images

IMAGE = {name: str(version) for name, version in load_images().jobs.packages.items()}
# What decides over a job's figures and files; the others may be the SDK's or a tool's choice here.
COMPUTING = ("ml-dtypes", "numpy", "onnx", "onnxruntime", "pandas", "pillow", "protobuf", "torch")
# Runs in serving images alone.
SERVING_ONLY = {"server", "ray_app.py"}
PACKAGE_OF = {"PIL": "pillow"}
# Imported by smdebug 1.0.34 itself, whether it says so or not; distutils is setuptools' own.
SMDEBUG_USES = {"boto3", "numpy", "packaging", "pandas", "protobuf", "psutil", "pyinstrument"}
SMDEBUG_USES |= {"requests", "setuptools", "six"}


def pins(file: str) -> dict[str, str]:
    """The versions that a requirements file pins, by normal name; every line must pin one."""
    found = {}
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            (only,) = requirement.specifier
            assert only.operator == "==", f"{file}: {line}"
            found[re.sub(r"[-_.]+", "-", requirement.name).lower()] = only.version
    return found


TESTED = pins("constraints.txt")
FOR_JOBS = ("training_code/requirements.txt", "training_code/requirements-debugger.txt")


@pytest.mark.parametrize("file", [*FOR_JOBS, "inference_code/requirements.txt"])
def test_what_is_installed_is_what_was_tested(file: str) -> None:
    wanted = pins(file)
    assert wanted.items() <= TESTED.items()


def test_isolated_jobs_are_given_the_files_of_what_jobs_install() -> None:
    files = dict(line.split("==") for line in pinned(ROOT))
    assert files == {**pins(FOR_JOBS[0]), **pins(FOR_JOBS[1])}


@pytest.mark.parametrize("file", FOR_JOBS)
def test_a_job_installs_nothing_that_its_image_has(file: str) -> None:
    assert not pins(file).keys() & IMAGE.keys()


@pytest.mark.parametrize("package", [*COMPUTING, "torchvision"])
def test_this_machine_computes_with_the_versions_of_the_image(package: str) -> None:
    assert TESTED[package] == IMAGE[package]


def test_a_job_finds_everything_that_it_imports() -> None:
    there = IMAGE.keys() | pins(FOR_JOBS[0]).keys() | {"smdebug"}
    used = set(_imported_packages("training_code", "inference_code"))
    assert used <= there, used - there


def test_smdebug_finds_everything_that_it_imports() -> None:
    there = IMAGE.keys() | pins(FOR_JOBS[0]).keys() | pins(FOR_JOBS[1]).keys()
    assert there >= SMDEBUG_USES


def _imported_packages(*folders: str) -> Iterator[str]:
    """Name the packages that are neither Python's nor of these folders."""
    roots = [ROOT / folder for folder in folders]
    own = {path.stem for root in roots for path in root.iterdir()}
    for file in (file for root in roots for file in root.rglob("*.py")):
        if SERVING_ONLY & set(file.relative_to(ROOT).parts):
            continue
        for name in _names(file):
            top = name.partition(".")[0]
            if top not in own and top not in sys.stdlib_module_names:
                package = "protobuf" if name.startswith("google.protobuf") else top
                yield PACKAGE_OF.get(package, package.replace("_", "-"))


def _names(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
