"""Once a version is approved, a new one must not be worse: from the command line to the gate."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.service.client import sagemaker_client
from pipeline.local.store import Store
from pipeline.registry.__main__ import main as registry
from tests.e2e.conftest import Finished, Run
from tests.e2e.test_local_run import cached_steps, versions

pytestmark = pytest.mark.xdist_group("e2e")
LEARNS_NOTHING = "tuning.ranges.lr={type: continuous, min: 1.0e-9, max: 1.0e-8}"


@pytest.fixture(scope="module")
def first_approved(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The first run, its version approved."""
    copy = finished.copied(tmp_path_factory.mktemp("approved") / "state")
    assert registry(["approve", "1", "--state", str(copy.state)]) == 0
    return copy


@pytest.fixture
def approved(first_approved: Finished, tmp_path: Path) -> Finished:
    """The same in a state of the test's own."""
    return first_approved.copied(tmp_path / "state")


def champion_section(state: Path, execution: str) -> dict[str, Any]:
    (file,) = state.glob(f"s3/*/runs/{execution}/Evaluate/evaluation/evaluation.json")
    section: dict[str, Any] = json.loads(file.read_text())["champion"]
    return section


def test_before_an_approval_only_the_threshold_counted(finished: Finished) -> None:
    section = champion_section(finished.state, finished.result["execution"])
    assert (section["model_package_arn"], section["compared"]) == ("none", False)
    assert re.search(r"FindChampion +Succeeded", finished.progress)


def test_the_same_model_again_passes_and_is_compared_with_itself(
    approved: Finished, run: Run
) -> None:
    done = run(approved.state, "--data", str(approved.data), "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    section = champion_section(approved.state, result["execution"])
    assert section["model_package_arn"] == approved.result["model_package"]
    assert (section["compared"], section["difference"]) == (True, 0.0)
    assert section["reason"] == "it is this very model"


def test_a_worse_model_is_not_registered_though_it_reaches_the_threshold(
    approved: Finished, run: Run
) -> None:
    before = versions(approved.state)
    done = run(
        *(approved.state, "--data", str(approved.data), "--set", LEARNS_NOTHING),
        *("--parameter", "AccuracyThreshold=0", "--parameter", "ChampionTolerance=0.1"),
    )
    assert done.returncode == 1
    assert re.search(
        r"Worse than the champion by \d+\.\d points, \d+\.\d points more than ChampionTolerance"
        r" allows: the champion \(dog-breeds/1\) has 0\.\d+",
        done.stdout,
    )
    assert versions(approved.state) == before


def test_rejecting_the_champion_takes_it_out_of_the_way(approved: Finished, run: Run) -> None:
    client = sagemaker_client(Store(approved.state))
    client.update_model_package(
        ModelPackageArn=approved.result["model_package"], ModelApprovalStatus="Rejected"
    )
    done = run(approved.state, "--data", str(approved.data))
    assert done.returncode == 0, done.stderr
    assert "Evaluate" in cached_steps(done.stderr)  # as it was when there was no champion yet
