"""AWS's own training toolkit, started as its PyTorch image starts it, on a training job of ours.

It lies in a folder of its own: $TRAINING_TOOLKIT, or toolkit/ in the virtual environment (the
Makefile fills it). The image sets SAGEMAKER_TRAINING_MODULE and PYTHONUNBUFFERED.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from pipeline.local.store import Store

TOOLKIT = Path(os.environ.get("TRAINING_TOOLKIT", Path(sys.prefix) / "toolkit"))
VERSIONS = {"sagemaker_training": "5.1.1", "sagemaker_pytorch_training": "3.0.0"}  # the images'
# `train`, at another port than 7777: tests run beside each other.
RUN = """
import sys
from sagemaker_pytorch_container import training
from sagemaker_training import torch_distributed
from sagemaker_training.cli.train import main
training.MASTER_PORT = torch_distributed.MASTER_PORT = sys.argv[1]
main()
"""
# Two names of this machine; the first in the alphabet is the first machine.
HOSTS = ("127.0.0.1", "localhost")
GROUP = "homogeneousCluster"
Json = dict[str, Any]


def missing_toolkit() -> str | None:
    """Why AWS's toolkit cannot be run here, or None."""
    found = {one.name.replace("-", "_"): one.version for one in distributions(path=[str(TOOLKIT)])}
    lacking = [f"{name} {v}" for name, v in VERSIONS.items() if found.get(name) != v]
    if not lacking:
        return None
    return f"{' and '.join(lacking)} not in {TOOLKIT} (make test puts them there)"


@dataclass(frozen=True)
class Ended:
    """A machine of a job that ended: its /opt/ml, and what its log holds."""

    base: Path
    code: int
    log: str

    @property
    def failure(self) -> str:
        """What SageMaker would give as the reason."""
        return (self.base / "output" / "failure").read_text()


def run_toolkit(
    request: Mapping[str, Any], store: Store, base: Path, environment: Mapping[str, str], port: int
) -> list[Ended]:
    """Run a CreateTrainingJob request, each of its machines in a folder below `base`."""
    hosts = HOSTS[: request["ResourceConfig"]["InstanceCount"]]
    running = []
    for host in hosts:
        write_container(base / host, request, store, host, hosts)
        running.append(_start(base / host, environment, port))
    return [
        Ended(base / host, process.wait(timeout=300), (base / host / "log.txt").read_text())
        for host, process in zip(hosts, running, strict=True)
    ]


def write_container(
    base: Path, request: Mapping[str, Any], store: Store, host: str, hosts: tuple[str, ...]
) -> None:
    """/opt/ml as SageMaker lays it out for a training job, its inputs taken from the store."""
    for folder in ("model", "output"):
        (base / folder).mkdir(parents=True)
    for channel in request["InputDataConfig"]:
        target = base / "input" / "data" / channel["ChannelName"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(store.path(channel["DataSource"]["S3DataSource"]["S3Uri"]))
    # The code's archive is the only thing that the toolkit would fetch from S3 itself.
    told = request["HyperParameters"]
    archive = {"sagemaker_submit_directory": str(store.path(told["sagemaker_submit_directory"]))}
    instance = {"instance_type": "ml.m5.xlarge", "hosts": list(hosts)}
    facts: dict[str, Json] = {
        "hyperparameters": {**told, **archive},
        "inputdataconfig": {
            channel["ChannelName"]: {
                "TrainingInputMode": "File",
                "S3DistributionType": "FullyReplicated",
                "RecordWrapperType": "None",
            }
            for channel in request["InputDataConfig"]
        },
        "resourceconfig": {
            "current_host": host,
            "current_instance_type": "ml.m5.xlarge",
            "current_group_name": GROUP,
            "hosts": list(hosts),
            "instance_groups": [{"instance_group_name": GROUP, **instance}],
            "network_interface_name": "eth0",
        },
    }
    if hook := request.get("DebugHookConfig"):
        facts["debughookconfig"] = {**hook, "LocalPath": str(base / "output" / "tensors")}
    config = base / "input" / "config"
    config.mkdir(parents=True)
    for name, value in facts.items():
        (config / f"{name}.json").write_text(json.dumps(value))


def _start(base: Path, environment: Mapping[str, str], port: int) -> subprocess.Popen[bytes]:
    """`train`, as the image starts it; nothing may be downloaded or installed."""
    programs = Path(sys.executable).parent  # torchrun is there
    own = {
        "PATH": f"{programs}{os.pathsep}{environment['PATH']}",
        "PYTHONPATH": str(TOOLKIT),
        "PYTHONUNBUFFERED": "1",
        "PYTHONHASHSEED": "0",
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_TRAINING_MODULE": "sagemaker_pytorch_container.training:main",
        "SMDEBUG_CONFIG_FILE_PATH": str(base / "input" / "config" / "debughookconfig.json"),
        "TRAINING_JOB_NAME": "toolkit",
        "PET_MASTER_PORT": str(port),  # torchrun's, where the toolkit names none
        "OMP_NUM_THREADS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_DRY_RUN": "1",
    }
    with (base / "log.txt").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-c", RUN, str(port)],
            cwd=base,
            env={**environment, **own},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
