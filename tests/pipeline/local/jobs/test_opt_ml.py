"""Scripts that name /opt/ml, as other people's do, on machines of several kinds."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.command_line.running import ROOT
from pipeline.local.jobs.opt_ml import why_none
from pipeline.local.store import Store
from tests.namespace_support import OTHER_USER, may
from tests.pipeline.local.jobs import other_machine
from tests.pipeline.local.runner_support import BUCKET, Json, Lab

RUN = """
import json, sys
from pathlib import Path
from pipeline.local.store import Store
from tests.pipeline.local.runner_support import Lab
lab = Lab(Store(Path(sys.argv[1])))
result = lab.run(*json.loads(sys.argv[2]))
print(json.dumps([result.status, getattr(result.failure, "reason", "")]))
"""
PROCESS = """
import json, os, numpy
base = "/opt/ml/processing"
words = open(base + "/input/data/words.txt").read()
with open("/opt/ml/config/processingjobconfig.json") as file:
    assert json.load(file)["ProcessingJobArn"]
assert not os.path.exists("/opt/ml/model"), "it sees the machine's own"
with open(base + "/output/upper/words.txt", "w") as file:
    file.write(words.upper())
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(os.getcwd(), os.getuid(), int(status["CapEff"], 16) > 0)
"""
TRAIN = """
import json, os
prefix = "/opt/ml/"
hyperparameters = json.load(open(prefix + "input/config/hyperparameters.json"))
words = open(os.path.join(prefix, "input/data/training", "words.txt")).read()
assert os.getcwd() == prefix + "code" and os.path.isfile("/opt/ml/code/train.py")
open(prefix + "model/model.txt", "w").write(words * int(hyperparameters["times"]))
open(prefix + "output/data/history.txt", "w").write("1")
open(prefix + "checkpoints/1.pt", "w").write("half")
"""
OWN = {"input/data/training/words.txt": "the machine's", "model/model.txt": "the machine's"}


@dataclass
class Machine:
    """A machine with an /opt/ml of its own, on which runs can be made."""

    folder: Path
    lab: Lab

    @property
    def opt_ml(self) -> Path:
        return self.folder / "machine"

    def files(self) -> dict[str, str]:
        """What is in the machine's own /opt/ml."""
        paths = (path for path in self.opt_ml.rglob("*") if path.is_file())
        return {path.relative_to(self.opt_ml).as_posix(): path.read_text() for path in paths}

    def plant(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            (self.opt_ml / name).parent.mkdir(parents=True, exist_ok=True)
            (self.opt_ml / name).write_text(text)

    def run(self, *steps: Json, user: int = 1000, forbidden: bool = False) -> tuple[str, str]:
        """Run steps there; answers the status and why it is not Succeeded."""
        printed = self.python(RUN, str(self.lab.store.root), json.dumps(steps), user, forbidden)
        status, reason = json.loads(printed)
        return status, reason

    def python(self, code: str, one: str, two: str, user: int, forbidden: bool) -> str:
        kind = "forbidden" if forbidden else "allowed"
        machine = [sys.executable, "-m", other_machine.__name__, str(user), str(self.opt_ml), kind]
        done = subprocess.run(
            [*machine, sys.executable, "-c", code, one, two],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise AssertionError(done.stderr)
        return done.stdout


@pytest.fixture
def machine(store: Store, tmp_path: Path) -> Machine:
    if not may(OTHER_USER):
        pytest.skip("another machine is made of a user namespace, and this system gives none")
    made = Machine(tmp_path, Lab(store))
    made.opt_ml.mkdir()
    made.lab.put(f"{BUCKET}/words/words.txt", "words")
    return made


def _processing(lab: Lab, script: str = PROCESS, **options: Any) -> Json:
    inputs = {"data": f"{BUCKET}/words"}
    return lab.processing("Process", script, inputs=inputs, outputs=["upper"], **options)


def _training(lab: Lab, script: str = TRAIN, **options: Any) -> Json:
    step = lab.training(
        "Train",
        script,
        channels={"training": f"{BUCKET}/words"},
        **{"hyperparameters": {}} | options,
    )
    step["Arguments"]["HyperParameters"]["times"] = "2"
    step["Arguments"]["CheckpointConfig"] = {"S3Uri": f"{BUCKET}/checkpoints"}
    return step


def _kept(lab: Lab) -> dict[str, str]:
    folder = lab.store.path(f"{BUCKET}/runs")
    return {path.name: path.read_text() for path in folder.rglob("*.txt")}


@pytest.mark.parametrize("user", [0, 1000])
def test_each_job_has_its_own_opt_ml(machine: Machine, user: int) -> None:
    machine.plant(OWN)
    lab = machine.lab
    assert machine.run(_processing(lab), _training(lab), user=user) == ("Succeeded", "")
    assert machine.files() == OWN
    assert _kept(lab) == {"words.txt": "WORDS"}
    assert lab.read(f"{BUCKET}/checkpoints/1.pt") == "half"
    archives = lab.store.path(f"{BUCKET}/runs").rglob("*.tar.gz")
    assert sorted(path.name for path in archives) == ["model.tar.gz", "output.tar.gz"]
    (log,) = (lab.store.root / "runs").rglob("Process/log.txt")
    powers = user == 0
    assert log.read_text() == f"/opt/ml/processing {user} {powers}\n"


LEAVE = """
from pathlib import Path
Path("/opt/ml/output/data").mkdir(parents=True, exist_ok=True)
Path("/opt/ml/output/data", "model.txt").write_text("lost")
"""
READ = "from pathlib import Path\nPath('/opt/ml/model/model.txt').read_text()"
JOIN = "from pathlib import Path\nprint((Path('/opt/ml') / 'model' / 'model.txt').read_text())"


def test_where_no_job_can_have_one_none_succeeds_with_its_output_lost(machine: Machine) -> None:
    lab = machine.lab
    for step in (_processing(lab, LEAVE), _training(lab, LEAVE)):
        status, reason = machine.run(step, forbidden=True)
        assert status == "Failed"
        assert "files came into this machine's own /opt/ml: /opt/ml/output/data/model.txt" in reason
        assert "unshare: No space left on device" in reason
        assert machine.files() == {"output/data/model.txt": "lost"}
        (machine.opt_ml / "output/data/model.txt").unlink()
        (machine.opt_ml / "output/data").rmdir()
        (machine.opt_ml / "output").rmdir()
    assert lab.store.list("TrainingJob")[0]["TrainingJobStatus"] == "Failed"
    assert not _kept(lab)


@pytest.mark.parametrize("script", [READ, JOIN])
def test_where_no_job_can_have_one_none_reads_the_machines_own(
    machine: Machine, script: str
) -> None:
    machine.plant(OWN)
    lab = machine.lab
    for step, name in (
        (_processing(lab, script), "Process.py"),
        (_training(lab, script), "train.py"),
    ):
        status, reason = machine.run(step, forbidden=True)
        assert status == "Failed"
        assert reason.startswith(f"{name} names /opt/ml"), reason
        assert "and this machine has /opt/ml/" in reason
    assert machine.files() == OWN


def test_where_it_may_not_write_either_the_reason_says_what_the_machine_lacks(
    machine: Machine,
) -> None:
    machine.opt_ml.chmod(0o500)
    status, reason = machine.run(_training(machine.lab, LEAVE), forbidden=True)
    assert status == "Failed"
    assert "Permission denied: '/opt/ml/output'" in reason
    assert "as no job can have its own (unshare: No space left on device)" in reason


def test_where_no_job_can_have_one_paths_that_are_given_lead_to_the_jobs_folder(
    machine: Machine,
) -> None:
    machine.plant({"metadata/other.txt": "of another program"})
    lab = machine.lab
    process = """
    import os, sys
    words = open(sys.argv[1] + "/words.txt").read()
    open(os.environ["TO"].removeprefix("file://") + "/words.txt", "w").write(words.upper())
    """
    train = """
    import os, sys
    words = open(sys.argv[sys.argv.index("--data") + 1] + "/words.txt").read()
    open(os.environ["SM_MODEL_DIR"] + "/model.txt", "w").write(words)
    """
    steps = (
        _processing(
            lab,
            process,
            arguments=["/opt/ml/processing/input/data"],
            environment={"TO": "file:///opt/ml/processing/output/upper"},
        ),
        _training(lab, train, hyperparameters={"data": "/opt/ml/input/data/training"}),
    )
    assert machine.run(*steps, forbidden=True) == ("Succeeded", "")
    assert _kept(lab) == {"words.txt": "WORDS"}
    assert machine.files() == {"metadata/other.txt": "of another program"}


@pytest.mark.parametrize("forbidden", [False, True])
def test_an_input_from_the_machines_own_is_refused(machine: Machine, forbidden: bool) -> None:
    machine.plant({"pictures/words.txt": "words"})
    step = machine.lab.processing("A", "", inputs={"data": "file:///opt/ml/pictures"})
    status, reason = machine.run(step, forbidden=forbidden)
    assert status == "Failed"
    assert "/opt/ml/pictures is in this machine's own /opt/ml, which no job sees: move it" in reason


@pytest.mark.parametrize(("state", "temporary"), [("/opt/ml/needed", ""), ("/", "/opt/ml/needed")])
def test_what_jobs_need_in_the_machines_own_stays_in_sight(
    machine: Machine, state: str, temporary: str
) -> None:
    code = "import sys, tempfile\nfrom pathlib import Path\n"
    code += "from pipeline.local.jobs.opt_ml import why_none\n"
    code += f"tempfile.tempdir = {temporary or None!r}\n"
    (machine.opt_ml / "needed").mkdir()
    hidden = machine.python(code + "print(why_none(Path(sys.argv[1])))", state, "", 0, False)
    assert hidden == "/opt/ml/needed would not be seen any more\n"


WITHOUT = """
import os, subprocess, sys
from pathlib import Path
from pipeline.local.processes import own_opt_ml
own_opt_ml._mount("tmpfs", "/opt", 0, "tmpfs")  # a machine without /opt/ml
Path("/opt/venv").mkdir()
Path("/opt/venv/python").touch()
Path("/opt/tool").write_text("tool")
Path("/opt/current").symlink_to("venv")
look = ["/opt/venv/python", "/opt/tool", "/opt/current/python", "/opt/ml/mine"]
Path(sys.argv[1], "mine").touch()
subprocess.run([sys.executable, "-I", "-S", own_opt_ml.__file__, sys.argv[1], *look], check=True)
assert not Path("/opt/ml").exists(), "the machine has changed"
"""


def test_all_else_in_opt_stays_in_sight_where_there_is_no_opt_ml(
    machine: Machine, tmp_path: Path
) -> None:
    machine.python(WITHOUT, str(tmp_path), "", 0, False)


def test_only_linux_has_private_mounts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert why_none(tmp_path) == "only Linux has private mounts"
