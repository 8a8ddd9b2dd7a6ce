"""A job's own start installs what the image lacks where no network is: nothing but its inputs."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.assets.packages import install_from
from pipeline.command_line.running import ROOT
from tests.namespace_support import NO_NETWORK, may
from tests.wheel_support import write_wheel

# Ends with 7 when anything beyond this process can be reached, by name or by number.
SCRIPT = """
import socket, sys, lacking
for place in (("203.0.113.1", 443), ("127.0.0.1", 9)):
    try:
        socket.create_connection(place, timeout=5)
        sys.exit(7)
    except ConnectionRefusedError:
        sys.exit(7)
    except OSError as error:
        print(place[0], error.strerror)
print("ran with", lacking.__name__)
"""


pytestmark = pytest.mark.skipif(
    not may(NO_NETWORK), reason="this system lets nobody take the network away"
)


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job's /opt/ml/processing/input: its code, which needs a package, and that package."""
    code = tmp_path / "input" / "code"
    (code / "job").mkdir(parents=True)
    for name in ("run_script.py", "job/__init__.py", "job/errors.py", "job/log.py"):
        shutil.copy(ROOT / "training_code" / name, code / name)
    shutil.copy(ROOT / "training_code" / "job" / "packages.py", code / "job" / "packages.py")
    (code / "requirements.txt").write_text("lacking==1.0\n")
    (code / "work.py").write_text(SCRIPT)
    write_wheel(tmp_path / "input" / "packages", "lacking")
    return tmp_path / "input"


def started(job: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Start the job as its entrypoint does, in a network namespace that has nothing in it."""
    installed = job.parent / "installed"  # not into the environment of the tests
    own = {"PIP_TARGET": str(installed), "PYTHONPATH": str(installed), **variables}
    plain = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
    command = [*NO_NETWORK, sys.executable, str(job / "code" / "run_script.py"), "work.py"]
    return subprocess.run(
        command, env=plain | own, capture_output=True, text=True, check=False, timeout=120
    )


def test_a_job_installs_from_its_input_alone(job: Path) -> None:
    ended = started(job, install_from(str(job / "packages")))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Network is unreachable" in ended.stdout
    assert "ran with lacking" in ended.stdout


def test_without_the_package_it_says_what_is_missing(job: Path) -> None:
    (job / "packages" / "lacking-1.0-py3-none-any.whl").unlink()
    ended = started(job, install_from(str(job / "packages")))
    assert ended.returncode != 0
    assert "A job without network access needs" in ended.stdout + ended.stderr
