"""AWS's own training toolkit runs our code as the local runner does, and makes the same model.

The toolkit's requirements collide with those of SageMaker Debugger, so it lies in a folder of its
own: $TRAINING_TOOLKIT, or toolkit/ in the virtual environment (the Makefile fills it).
"""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from pipeline.local.service.client import sagemaker_client
from pipeline.local.store import Store
from tests.e2e.conftest import Finished

TOOLKIT = Path(os.environ.get("TRAINING_TOOLKIT", Path(sys.prefix) / "toolkit"))
RUN = "from sagemaker_training.cli.train import main; main()"
HOST = "algo-1"
pytestmark = [
    pytest.mark.xdist_group("e2e"),
    pytest.mark.skipif(
        not (TOOLKIT / "sagemaker_training").is_dir(),
        reason=f"sagemaker-training is not in {TOOLKIT}",
    ),
]


def write_container(base: Path, job: Mapping[str, Any], store: Store) -> None:
    """/opt/ml as SageMaker lays it out for a training job, its inputs taken from the store."""
    channels = {}
    for channel in job["InputDataConfig"]:
        target = base / "input" / "data" / channel["ChannelName"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(store.path(channel["DataSource"]["S3DataSource"]["S3Uri"]))
        channels[channel["ChannelName"]] = {
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        }
    # The code's archive is the only thing that the toolkit would fetch from S3 itself.
    local = str(store.path(job["HyperParameters"]["sagemaker_submit_directory"]))
    instance = {"instance_type": "ml.m5.xlarge", "hosts": [HOST]}
    resources = {
        "current_host": HOST,
        "current_instance_type": "ml.m5.xlarge",
        "current_group_name": "homogeneousCluster",
        "hosts": [HOST],
        "instance_groups": [{"instance_group_name": "homogeneousCluster", **instance}],
        "network_interface_name": "eth0",
    }
    values = {
        "hyperparameters": {**job["HyperParameters"], "sagemaker_submit_directory": local},
        "inputdataconfig": channels,
        "resourceconfig": resources,
    }
    config = base / "input" / "config"
    config.mkdir(parents=True)
    for name, value in values.items():
        (config / f"{name}.json").write_text(json.dumps(value))


def run_toolkit(base: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """`train`, as a framework image starts it; nothing may be downloaded or installed."""
    own = {
        "PYTHONPATH": str(TOOLKIT),
        "SAGEMAKER_BASE_DIR": str(base),
        "SM_STUDIO_LOCAL_MODE": "true",  # the host's name is in no DNS here
        "TRAINING_JOB_NAME": "toolkit",
        "PIP_NO_INDEX": "1",
        "PIP_DRY_RUN": "1",
        "PYTHONHASHSEED": "0",
    }
    return subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=base,
        env={**environment, **own},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_toolkit_makes_the_same_model(
    finished: Finished, environment: dict[str, str], tmp_path: Path
) -> None:
    store = Store(finished.state)
    client = sagemaker_client(store)
    name = f"pipelines-{finished.result['execution']}-Train"
    job = client.describe_training_job(TrainingJobName=name)
    base = tmp_path / "ml"
    write_container(base, job, store)
    done = run_toolkit(base, environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert (base / "output" / "success").exists()
    with tarfile.open(store.path(job["ModelArtifacts"]["S3ModelArtifacts"])) as archive:
        archive.extractall(tmp_path / "ours", filter="data")
    ours, theirs = (load_file(f / "model.safetensors") for f in (tmp_path / "ours", base / "model"))
    assert set(ours) == set(theirs)
    for key, value in ours.items():
        np.testing.assert_allclose(theirs[key], value, atol=1e-6, err_msg=key)
    assert (base / "model" / "model.json").read_text() == (
        tmp_path / "ours" / "model.json"
    ).read_text()
    files = {p.relative_to(base / "model") for p in (base / "model").rglob("*") if p.is_file()}
    expected = {p.relative_to(tmp_path / "ours") for p in (tmp_path / "ours").rglob("*")}
    assert files == {path for path in expected if (tmp_path / "ours" / path).is_file()}
