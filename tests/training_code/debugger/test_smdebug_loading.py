"""smdebug is importable beside a newer protobuf, in the process that asked for it and no other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("smdebug")

CODE = Path(__file__).resolve().parents[3] / "training_code"
PREPARE = "from debugger.smdebug_loading import prepare_smdebug; prepare_smdebug()"
SHOW = "import os; print(os.environ.get('PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION'))"


def python(*lines: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=CODE,
        env={**os.environ, "PIP_NO_INDEX": "1", "SMDEBUG_LOG_LEVEL": "error", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_smdebug_loads_and_processes_started_from_there_choose_for_themselves() -> None:
    done = python(PREPARE, "import smdebug.pytorch, smdebug.trials", SHOW)
    assert (done.returncode, done.stdout) == (0, "None\n"), done.stderr


def test_what_the_job_chose_stays() -> None:
    done = python(PREPARE, SHOW, PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION="python")
    assert (done.returncode, done.stdout) == (0, "python\n"), done.stderr


def test_graphs_are_written_in_the_same_process(tmp_path: Path) -> None:
    done = python(
        PREPARE,
        "import pathlib, smdebug.pytorch, torch",
        "from graphs.export import export_graph",
        f"export_graph(torch.nn.Conv2d(3, 4, 3), 8, pathlib.Path({str(tmp_path / 'a.onnx')!r}))",
        "import onnx; onnx.checker.check_model(" + repr(str(tmp_path / "a.onnx")) + ")",
    )
    assert done.returncode == 0, done.stderr


def test_a_protobuf_that_came_first_is_an_error_with_the_way_out() -> None:
    done = python(
        "from google.protobuf.internal import api_implementation",
        "from debugger.smdebug_loading import WrongProtobufError, prepare_smdebug",
        "try: prepare_smdebug()",
        "except WrongProtobufError as error: print(error)",
    )
    assert "smdebug needs PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python" in done.stdout


def test_what_is_missing_is_installed_without_what_it_asks_for(tmp_path: Path) -> None:
    (tmp_path / "debugger").mkdir()
    for name in ("debugger/smdebug_loading.py", "job/errors.py", "job/log.py", "job/packages.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((CODE / name).read_bytes())
    (tmp_path / "requirements-debugger.txt").write_text("no-such-package-at-all==1.0\n")
    # A pip that only says what it is asked.
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip/__init__.py").touch()
    (tmp_path / "pip/__main__.py").write_text("import sys; print(sys.argv[1:])\n")
    done = python(PREPARE, PYTHONPATH=str(tmp_path), PYTHONSAFEPATH="1")
    assert "'install'" in done.stdout, done.stderr
    assert "'--no-deps', 'no-such-package-at-all==1.0'" in done.stdout
