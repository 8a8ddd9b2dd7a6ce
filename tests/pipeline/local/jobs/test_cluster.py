"""A training job on several machines: as many processes here, which can meet each other."""

import json
import socket
import tarfile
import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from pipeline.local.jobs.cluster import Host, hosts_of, run_together
from pipeline.local.processes.command import Ending, StartError
from pipeline.local.store import Store
from tests.patience import PATIENCE, wait_until
from tests.pipeline.local.runner_support import Lab

# The machines meet where the environment says, and the first writes down who was there. Each sees
# what it wrote to its own folders and nothing of the other's.
MEETING = """
import json, os, socket, sys
from pathlib import Path
resources = json.loads(Path(os.environ["SM_INPUT_CONFIG_DIR"], "resourceconfig.json").read_text())
assert json.loads(os.environ["SM_RESOURCE_CONFIG"]) == resources
me = {name: os.environ.get(name) for name in
      ("RANK", "WORLD_SIZE", "LOCAL_RANK", "SM_CURRENT_HOST", "SM_HOSTS", "SM_MODEL_DIR",
       "OMP_NUM_THREADS")}
Path(me["SM_MODEL_DIR"], me["SM_CURRENT_HOST"]).touch()
me["current"] = resources["current_host"]
place = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
if me["RANK"] == "0":
    print("loss=0.5")
    with socket.create_server(place) as server:
        other = server.accept()[0].makefile().read()
    me["written"] = os.listdir(me["SM_MODEL_DIR"])
    Path(me["SM_MODEL_DIR"], "met.json").write_text(json.dumps([me, json.loads(other)]))
else:
    while True:
        try:
            connection = socket.create_connection(place)
            break
        except OSError:
            pass
    print("loss=9.5")
    me["written"] = os.listdir(me["SM_MODEL_DIR"])
    connection.sendall(json.dumps(me).encode())
"""
LOSS = [{"Name": "loss", "Regex": "loss=([0-9.]+)"}]


@pytest.fixture
def lab(store: Store) -> Lab:
    return Lab(store)


def two_machines(lab: Lab, script: str) -> dict[str, Any]:
    step = lab.training(
        "Train", script, hyperparameters={"sagemaker_torch_distributed_enabled": "true"}
    )
    step["Arguments"]["ResourceConfig"]["InstanceCount"] = 2
    step["Arguments"]["AlgorithmSpecification"]["MetricDefinitions"] = LOSS
    return step


def test_both_machines_run_at_once_and_know_each_other(lab: Lab) -> None:
    result = lab.run(two_machines(lab, MEETING), cores=5)
    assert result.status == "Succeeded", result.failure
    job = lab.store.list("TrainingJob")[0]
    with tarfile.open(lab.store.path(job["ModelArtifacts"]["S3ModelArtifacts"])) as archive:
        member = archive.extractfile("met.json")
        assert member is not None
        first, second = json.load(member)
    assert first["SM_HOSTS"] == second["SM_HOSTS"] == '["algo-1","algo-2"]'
    assert [one["SM_CURRENT_HOST"] for one in (first, second)] == ["algo-1", "algo-2"]
    assert [one["current"] for one in (first, second)] == ["algo-1", "algo-2"]
    assert [one["RANK"] for one in (first, second)] == ["0", "1"]
    assert first["WORLD_SIZE"] == second["WORLD_SIZE"] == "2"
    assert first["OMP_NUM_THREADS"] == second["OMP_NUM_THREADS"] == "2"
    assert [one["written"] for one in (first, second)] == [["algo-1"], ["algo-2"]]
    assert [metric["Value"] for metric in job["FinalMetricDataList"]] == [0.5]


def test_one_machines_failure_ends_the_other_and_is_the_jobs_reason(lab: Lab) -> None:
    script = """
        import os, sys, time
        if os.environ["RANK"] == "1":
            sys.exit("the second machine is lost on " + os.environ["OMP_NUM_THREADS"] + " core")
        time.sleep(600)
        print("loss=0.5")
        """
    result = lab.run(two_machines(lab, script))
    assert result.status == "Failed"
    assert "the second machine is lost on 1 core" in str(result.failure)
    assert lab.store.list("TrainingJob")[0]["FinalMetricDataList"] == []


@pytest.mark.parametrize(
    "ending", [Ending(1, "exited"), Ending(0, "timed out"), StartError("there is no such program")]
)
def test_whatever_ends_one_machine_too_early_stops_the_others(ending: Ending | StartError) -> None:
    stopped: list[bool] = []
    begun = threading.Event()

    def first(should_stop: Callable[[], bool]) -> Ending:
        assert begun.wait(PATIENCE)
        if isinstance(ending, StartError):
            raise ending
        return ending

    def second(should_stop: Callable[[], bool]) -> Ending:
        begun.set()
        wait_until(should_stop)
        stopped.append(should_stop())
        return Ending(-15, "stopped")

    raised = isinstance(ending, StartError)
    with pytest.raises(StartError) if raised else nullcontext():
        run_together([first, second], lambda: False)
    assert stopped == [True]


def test_all_machines_are_asked_to_stop_with_the_job() -> None:
    def one(should_stop: Callable[[], bool]) -> Ending:
        return Ending(0, "stopped" if should_stop() else "exited")

    assert run_together([one, one], lambda: True) == [Ending(0, "stopped")] * 2


def test_the_port_where_they_meet_is_theirs_until_the_end() -> None:
    with hosts_of({"ResourceConfig": {"InstanceCount": 2}}) as hosts:
        (place,) = {("127.0.0.1", host.port) for host in hosts}
        with socket.socket() as another, pytest.raises(OSError, match="in use"):
            another.bind(place)
        with socket.create_server(place):
            pass
    with socket.socket() as another:
        another.bind(place)


def test_without_a_launcher_nobody_says_who_is_who() -> None:
    assert Host().environment(launched=True, gpus=1) == {}
    plain = Host(1, 2, 5000).environment(launched=False, gpus=0)
    assert plain == {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "5000",
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    assert Host(1, 2, 5000).environment(launched=True, gpus=2)["CUDA_VISIBLE_DEVICES"] == "1"
    assert Host(1, 2, 5000).environment(launched=True, gpus=1)["CUDA_VISIBLE_DEVICES"] == "-1"
