"""The real pipeline at a small size, run as a user runs it: through the command line."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.schema.schema_support import document

ROOT = Path(__file__).resolve().parents[2]
SMALL = (
    *("--set", "preprocessing.resize=128", "--set", "preprocessing.crop=112"),
    *("--set", "tuning.max_jobs=2", "--set", "training.epochs=8"),
    *("--parameter", "AccuracyThreshold=0.5"),
)

WRITTEN_ONCE = (".tar.gz", ".safetensors", ".onnx", ".npy")
Run = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class Finished:
    """A finished run: its data, its state folder, what it printed and its result as JSON."""

    data: Path
    state: Path
    progress: str
    result: dict[str, Any]

    def copied(self, state: Path) -> "Finished":
        """The same run in another state folder, for a test that changes what it finds there."""
        made = shutil.copytree(self.state, state, symlinks=True, copy_function=_same)
        return replace(self, state=Path(made))


def _same(source: str, target: str) -> None:
    """Copy a file, or link one that is large and never written again."""
    same = os.link if source.endswith(WRITTEN_ONCE) else shutil.copy2
    same(source, target)


@pytest.fixture(scope="session")
def new_state(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes empty state folders, all with one place for compiled definitions: that takes long."""
    definitions = tmp_path_factory.mktemp("definitions")

    def make() -> Path:
        state = tmp_path_factory.mktemp("state")
        (state / "definitions").symlink_to(definitions)
        return state

    return make


def command(state: Path, arguments: Sequence[str]) -> list[str]:
    """A small local run as a command line."""
    local = ["-m", "pipeline.run", "--local", "--state", str(state)]
    return [sys.executable, *local, *SMALL, *arguments]


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """The machine's, without anything of AWS: a local run needs no account."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


@pytest.fixture(scope="session")
def run(environment: dict[str, str]) -> Run:
    """Run the pipeline and wait for its end."""

    def start(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(state, arguments),
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return start


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated data set of 4 classes that can be learned."""
    from pipeline.sample.pictures import write_sample

    folder = tmp_path_factory.mktemp("pictures") / "sample"
    write_sample(folder, classes=4, per_class=40)
    return folder


@pytest.fixture(scope="session")
def finished(run: Run, pictures: Path, new_state: Callable[[], Path]) -> Finished:
    """The first run on those pictures. It is everybody's: run on a copy, and only look here."""
    state = new_state()
    done = run(state, "--data", str(pictures), "--json", "--profile")
    assert done.returncode == 0, done.stderr
    return Finished(pictures, state, done.stderr, document("run --local", done.stdout))


@pytest.fixture(scope="session")
def again(run: Run, finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The same run a second time, on a copy of the first one's state: only look here, too."""
    state = finished.copied(tmp_path_factory.mktemp("again") / "state").state
    done = run(state, "--data", str(finished.data), "--json")
    assert done.returncode == 0, done.stderr
    return Finished(finished.data, state, done.stderr, document("run --local", done.stdout))
