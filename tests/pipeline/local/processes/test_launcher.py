"""A forked job is the same as one in an interpreter of its own."""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.processes.command import (
    Command,
    Ending,
    Starter,
    StartError,
    run_to_end,
    start_process,
)
from pipeline.local.processes.forking import ForkingStarter
from pipeline.local.processes.own_opt_ml import OPT_ML
from pipeline.local.processes.preload import heavy_imports
from pipeline.local.store import Store
from tests.namespace_support import OTHER_USER, PRIVATE_MOUNTS, may
from tests.patience import PATIENCE, wait_until
from tests.pipeline.local.runner_support import BUCKET, Lab, is_gone, wait_for

# NumPy stands for all heavy packages: it is quick to import.
FORKED = "import numpy\n"


@pytest.fixture(scope="module")
def forking() -> Iterator[ForkingStarter]:
    with ForkingStarter() as starter:
        yield starter


@pytest.fixture(params=["process", "fork"])
def start(request: pytest.FixtureRequest, forking: ForkingStarter) -> Starter:
    return start_process if request.param == "process" else forking


def _command(folder: Path, code: str, *arguments: str, **environment: str) -> Command:
    code_folder = folder / "code"
    code_folder.mkdir(exist_ok=True)
    (code_folder / "script.py").write_text(FORKED + code)
    (code_folder / "beside.py").write_text("value = 42")
    (code_folder / "package").mkdir(exist_ok=True)
    (code_folder / "package" / "inside.py").write_text(
        "class Last:\n    def __del__(self): print('deleted inside')\nlast = Last()"
    )
    return Command(
        argv=(sys.executable, "script.py", *arguments),
        cwd=code_folder,
        environment={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", "PYTHONHASHSEED": "0"}
        | environment,
        log=folder / "log.txt",
    )


def _run(command: Command, start: Starter, **options: Any) -> tuple[Ending, str]:
    defaults = {"on_line": lambda line: None, "should_stop": lambda: False}
    limits = {"limit_s": PATIENCE, "grace_s": PATIENCE}
    ending = run_to_end(command, start, **(defaults | limits | options))
    return ending, command.log.read_text()


OBSERVE = """
import beside, json, os, signal, subprocess, sys, __main__
print(json.dumps({
    "argv": sys.argv,
    "orig_argv": sys.orig_argv[1:],
    "path": sys.path,
    "cwd": os.getcwd(),
    "environment": sorted(n for n in os.environ if n not in ("LC_CTYPE",)),
    "word": os.environ["WORD"],
    "getenv": subprocess.run("echo $WORD", shell=True, capture_output=True, text=True).stdout,
    "name": __name__,
    "main": [__main__.__file__, __main__.__spec__, str(__main__.__loader__)[:40],
             __main__.__package__, __main__.__cached__, __main__.__doc__],
    "names": sorted(globals()),
    "is_main": __main__ is sys.modules["__main__"],
    "beside": beside.value,
    "stdin": sys.stdin.read(),
    "encoding": [sys.stdout.encoding, sys.stdout.errors, sys.getfilesystemencoding()],
    "unbuffered": sys.stdout.write_through,
    "leader": os.getpgrp() == os.getpid(),
    "handlers": [str(signal.getsignal(n)) for n in
                 (signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE, signal.SIGINT)],
    "files": sorted(os.listdir("/proc/self/fd"))[:3],
    "flags": str(sys.flags),
    "hash": hash("x"),
    "numpy": numpy.dot(numpy.ones((300, 300)), numpy.ones((300, 300))).sum(),
}))
"""


@pytest.mark.parametrize("own_opt_ml", [False, True])
def test_both_ways_show_a_script_the_same(
    tmp_path: Path, forking: ForkingStarter, own_opt_ml: bool
) -> None:
    if own_opt_ml and not (may(PRIVATE_MOUNTS) or may(OTHER_USER)):
        pytest.skip("this system gives nobody private mounts")
    seen = []
    command = _command(tmp_path, OBSERVE, "--lr", "0.1", WORD="value" * 20_000)
    if own_opt_ml:
        command = replace(command, cwd=Path(OPT_ML, "code"), opt_ml=tmp_path)
    for number, start in enumerate((start_process, forking)):
        ending, text = _run(replace(command, log=tmp_path / f"{number}.txt"), start)
        assert ending == Ending(0, "exited"), text
        seen.append(json.loads(text))
    assert seen[0] == seen[1]
    assert seen[1]["cwd"] == seen[1]["path"][0] == str(command.cwd)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("", 0),
        ("import sys; sys.exit()", 0),
        ("import sys; sys.exit(263)", 7),
        ("import sys; sys.exit(-2)", 254),
        ("raise SystemExit('no images')", 1),
        ("1 / 0", 1),
        ("import os; os._exit(9)", 9),
        ("import os; os.kill(os.getpid(), 15)", -signal.SIGTERM),
        ("raise KeyboardInterrupt", -signal.SIGINT),
    ],
)
def test_exit_codes(tmp_path: Path, forking: ForkingStarter, code: str, expected: int) -> None:
    assert _run(_command(tmp_path, code), forking)[0] == Ending(expected, "exited")


@pytest.mark.parametrize(
    "code",
    [
        "def inner():\n    raise ValueError('deep')\ninner()",
        "try:\n    1 / 0\nexcept ArithmeticError as error:\n    raise RuntimeError('x') from error",
        "raise SystemExit('no images')",
        "def broken(:",
        "import atexit, sys, threading, time\n"
        "atexit.register(print, 'at exit')\n"
        "threading.Thread(target=lambda: (time.sleep(0.1), print('thread', beside))).start()\n"
        "beside = 3\nprint('out'); print('err', file=sys.stderr)",
        "import os\nos.system('echo from a shell')",
        "class Last:\n    def __del__(self): print('deleted')\nlast = Last()",
        "import package.inside",
        "ring = []\nclass Last:\n    def __del__(self): print('deleted')\nring += [ring, Last()]",
        "import weakref\nclass Thing: pass\nthing = Thing()\n"
        "weakref.finalize(thing, print, 'finalized')",
        "import sys\nsys.exit(3.5)",
        "import sys, threading, time\n"
        "class Last:\n    def __del__(self, sleep=time.sleep): sleep(0.2)\nlast = Last()\n"
        "def watch():\n    while True: time.sleep(0.001); words\n"
        "words = 1\nthreading.Thread(target=watch, daemon=True).start()\nprint('end')",
        "import multiprocessing\n"
        "def work(x):\n    return x * x\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(work, [3]))\n",
        "import pickle\nclass Thing: pass\nprint(type(pickle.loads(pickle.dumps(Thing()))))",
    ],
)
def test_both_ways_print_the_same(tmp_path: Path, forking: ForkingStarter, code: str) -> None:
    printed = []
    for start in (start_process, forking):
        command = _command(tmp_path, code)
        command.log.unlink(missing_ok=True)
        printed.append(_run(command, start))
    assert printed[0] == printed[1]
    assert printed[0][1]


def test_a_file_that_the_script_left_open_is_written(
    tmp_path: Path, forking: ForkingStarter
) -> None:
    code = "file = open('left.txt', 'w')\nfile.write('all of it')"
    assert _run(_command(tmp_path, code), forking)[0].code == 0
    assert (tmp_path / "code" / "left.txt").read_text() == "all of it"


def test_what_waits_in_a_buffer_is_written(tmp_path: Path, forking: ForkingStarter) -> None:
    command = _command(tmp_path, "print('end')", PYTHONUNBUFFERED="")
    assert _run(command, forking)[1] == "end\n"


def test_a_script_that_is_not_there(tmp_path: Path, forking: ForkingStarter) -> None:
    printed = []
    for start in (start_process, forking):
        command = _command(tmp_path, "")
        (tmp_path / "log.txt").unlink(missing_ok=True)
        absent = Command((*command.argv[:1], "absent.py", "script.py"), *_rest(command))
        printed.append(_run(absent, start))
    assert printed[0] == printed[1]
    assert "can't open file" in printed[0][1]


def _rest(command: Command) -> tuple[Path, Any, Path]:
    return command.cwd, command.environment, command.log


def test_random_numbers_differ_from_job_to_job(tmp_path: Path, forking: ForkingStarter) -> None:
    code = "import random\nprint(random.random(), numpy.random.random())"
    command = _command(tmp_path, code)
    _run(command, forking)
    numbers = _run(command, forking)[1].split()
    assert len(set(numbers)) == 4


def test_jobs_run_side_by_side(tmp_path: Path, forking: ForkingStarter) -> None:
    code = (
        "import pathlib, sys, time\nmine, other = map(pathlib.Path, sys.argv[1:])\nmine.touch()\n"
        f"end = time.time() + {PATIENCE}\nwhile not other.exists():\n"
        "    assert time.time() < end\n    time.sleep(0.01)"
    )
    endings: list[Ending] = []
    folders = [tmp_path / "a", tmp_path / "b"]
    threads = []
    for folder, other in (folders, folders[::-1]):
        folder.mkdir(exist_ok=True)
        command = _command(folder, code, str(folder / "mark"), str(other / "mark"))

        def run(command: Command = command) -> None:
            endings.append(_run(command, forking)[0])

        threads.append(threading.Thread(target=run))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert endings == [Ending(0, "exited")] * 2


def test_a_stop_reaches_the_whole_group(tmp_path: Path, forking: ForkingStarter) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        "print(child.pid)\ntime.sleep(600)"
    )
    lines: list[str] = []
    command = _command(tmp_path, code)
    ending, text = _run(command, forking, on_line=lines.append, should_stop=lambda: bool(lines))
    assert ending == Ending(-signal.SIGTERM, "stopped")
    assert is_gone(int(text))


def test_what_a_job_leaves_running_ends_with_it(tmp_path: Path, start: Starter) -> None:
    code = "import subprocess\nprint(subprocess.Popen(['sleep', '600']).pid)"
    assert is_gone(int(_run(_command(tmp_path, code), start)[1]))


def test_a_job_that_ignores_the_signal_is_killed(tmp_path: Path, forking: ForkingStarter) -> None:
    code = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('deaf')\ntime.sleep(600)"
    )
    lines: list[str] = []
    heard = {"on_line": lines.append, "should_stop": lambda: bool(lines)}
    ending, _ = _run(_command(tmp_path, code), forking, grace_s=0.3, **heard)
    assert ending == Ending(-signal.SIGKILL, "stopped")


def test_leaving_the_starter_kills_its_jobs_and_what_they_started(tmp_path: Path) -> None:
    code = (
        "import os, subprocess, time\n"
        "print(subprocess.Popen(['sleep', '600']).pid, os.getpid())\ntime.sleep(600)"
    )
    with ForkingStarter() as starter:
        running = starter(_command(tmp_path, code))
        _read_pid(tmp_path / "log.txt")
        assert running.poll() is None
    assert all(is_gone(int(pid)) for pid in (tmp_path / "log.txt").read_text().split())


def test_a_script_of_another_interpreter_is_left_to_it(
    tmp_path: Path, forking: ForkingStarter
) -> None:
    other = tmp_path / "python"
    other.write_text("#!/bin/sh\necho mine")
    other.chmod(0o755)
    command = _command(tmp_path, "print('forked')")
    for argv in ((str(other), *command.argv[1:]), (str(other),)):
        command.log.unlink(missing_ok=True)
        assert _run(Command(argv, *_rest(command)), forking)[1] == "mine\n"


def test_a_dead_launcher_takes_its_jobs_along_and_is_replaced(tmp_path: Path) -> None:
    with ForkingStarter() as starter:
        code = "import os, time\nprint(os.getppid(), os.getpid(), flush=True)\ntime.sleep(600)"
        running = starter(_command(tmp_path, code))
        _read_pid(tmp_path / "log.txt")
        launcher, job = map(int, (tmp_path / "log.txt").read_text().split())
        os.kill(launcher, signal.SIGKILL)
        assert is_gone(job)
        wait_until(lambda: running.poll() is not None)
        assert running.poll() == -signal.SIGKILL
        (tmp_path / "log.txt").unlink()
        parent = int(_run(_command(tmp_path, "import os\nprint(os.getppid())"), starter)[1])
        assert parent not in (launcher, os.getpid())


def test_an_interpreter_that_is_gone_is_a_start_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = _command(tmp_path, "")
    monkeypatch.setattr(sys, "executable", "/no/python")
    argv = ("/no/python", *command.argv[1:])
    with ForkingStarter() as starter, pytest.raises(StartError, match="cannot start"):
        starter(Command(argv, *_rest(command)))


THREADS = """
import json, os, threading, numpy, torch
from threadpoolctl import threadpool_info
found = [torch.get_num_threads()]
other = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
other.start()
other.join()
blas = {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
print(json.dumps([os.environ["OMP_NUM_THREADS"], found, sorted(blas), os.getppid()]))
"""


def test_threads_are_as_many_as_the_job_is_given(tmp_path: Path, forking: ForkingStarter) -> None:
    parents = []
    for threads in (1, 2, 1):
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
        environment = {"RUN": str(len(parents)), **dict.fromkeys(names, str(threads))}
        environment["OPENBLAS_NUM_THREADS"] = "1"
        command = _command(tmp_path, THREADS, **environment)
        command.log.unlink(missing_ok=True)
        *found, parent = json.loads(_run(command, forking)[1])
        assert found == [str(threads), [threads, threads], [1]]
        parents.append(parent)
    assert len(set(parents)) == 1  # PyTorch is loaded once


def test_numbers_of_threads_that_are_not_one_need_a_launcher_of_their_own(
    tmp_path: Path, forking: ForkingStarter
) -> None:
    parents = []
    for numbers in (
        {"OMP_NUM_THREADS": "2"},
        {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "1"},
        {"OMP_NUM_THREADS": "0"},
    ):
        command = _command(tmp_path, "import os\nprint(os.getppid())", **numbers)
        command.log.unlink(missing_ok=True)
        parents.append(_run(command, forking)[1])
    assert len(set(parents)) == 3


def _says(folder: Path, code: str, starter: Starter, **environment: str) -> list[str]:
    command = _command(folder, f"import os, sys\n{code}", **environment)
    command.log.unlink(missing_ok=True)
    return _run(command, starter)[1].split()


def test_what_loads_slowest_is_loaded_while_another_job_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forking = "pipeline.local.processes.forking"
    monkeypatch.setattr(f"{forking}.SLOWEST", "PIL.Image")  # as for PyTorch, and sooner
    monkeypatch.setattr(f"{forking}.ALL_HEAVY", ("numpy", "PIL.Image", "decimal"))
    parent = "print(os.getppid(), 'decimal' in sys.modules)"
    with ForkingStarter(lambda: True) as starter:
        [quick, at_once] = _says(tmp_path, parent, starter)
        [slow, loaded] = _says(tmp_path, f"import PIL.Image\n{parent}", starter)
        [after, _] = _says(tmp_path, parent, starter)
    assert (at_once, loaded) == ("False", "True")
    assert quick != slow
    assert after == slow  # what is loaded serves all


def test_leaving_the_starter_does_not_wait_for_what_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "endless.py").write_text(
        "import os, pathlib, time\n"
        "pathlib.Path(__file__).with_name('pid').write_text(f'{os.getpid()}\\n')\n"
        "time.sleep(600)"
    )
    monkeypatch.setattr("pipeline.local.processes.forking.ALL_HEAVY", ("endless",))
    with ForkingStarter(lambda: True) as starter:
        assert _says(tmp_path, "print('ran')", starter, PYTHONPATH=str(tmp_path)) == ["ran"]
        launcher = _read_pid(tmp_path / "pid")
    assert is_gone(launcher)


def test_heavy_imports_are_found_through_modules_beside_the_script(tmp_path: Path) -> None:
    files = {
        "run.py": "import json",
        "job.py": "from network import build\nimport run",
        "network.py": "def build():\n    import torchvision.models\nfrom torch import nn",
        "other.py": "import numpy",
        "bad.py": "def (",
        "deep.py": "import layers.far.head as head",
        "layers/far/__init__.py": "import PIL",
        "layers/far/head.py": "from ..near import thing",
        "layers/near/__init__.py": "from . import there",
        "layers/near/there.py": "from safetensors.torch import load_file",
        "layers/unused.py": "import torch",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert heavy_imports(tmp_path / "run.py", []) == []
    assert heavy_imports(tmp_path / "run.py", ["job.py", "--x"]) == ["torch", "torchvision"]
    assert heavy_imports(tmp_path / "run.py", ["layers/unused.py"]) == []
    assert heavy_imports(tmp_path / "other.py", ["bad.py", "absent.py"]) == ["numpy"]
    assert heavy_imports(tmp_path / "deep.py", []) == ["PIL.Image", "safetensors.torch"]


@pytest.mark.parametrize("fork", [True, False])
def test_a_run_is_the_same_either_way(store: Store, fork: bool) -> None:
    lab = Lab(store)
    script = """
import os, sys
import numpy
print("score=" + sys.argv[sys.argv.index("--rate") + 1])
open(os.environ["SM_MODEL_DIR"] + "/w", "wb").write(numpy.ones(3).tobytes())
"""
    ranges = {"CategoricalParameterRanges": [{"Name": "rate", "Values": ["1", "3", "2"]}]}
    config = {
        "Strategy": "Grid",
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 2},
        "ParameterRanges": ranges,
    }
    best = {"Get": "Steps.Tune.BestTrainingJob.TunedHyperParameters['rate']"}
    look = "import numpy, sys\nprint(sys.argv[1])\nprint(open(sys.argv[2] + '/x').read())"
    lab.put(f"{BUCKET}/data/x", "contents")
    result = lab.run(
        lab.tuning("Tune", script, config),
        lab.training("Train", script, hyperparameters={"rate": best}),
        lab.processing(
            "Look",
            look,
            inputs={"data": f"{BUCKET}/data"},
            arguments=[best, "/opt/ml/processing/input/data"],
        ),
        fork=fork,
    )
    assert result.status == "Succeeded", result.failure
    log = store.root / "runs" / result.execution_id / "Look" / "log.txt"
    assert log.read_text() == "3\ncontents\n"


def _read_pid(log: Path) -> int:
    wait_for(log)
    wait_until(lambda: log.read_text().endswith("\n"))
    return int(log.read_text().split()[0])
