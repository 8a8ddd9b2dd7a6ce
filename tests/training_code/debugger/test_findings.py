"""What Evaluate tells the gate about a training's tensors, from a folder or from its archive."""

import tarfile
from pathlib import Path

import pytest
import torch
from torch import nn

pytest.importorskip("smdebug")

from debugger.findings import debugger_findings
from debugger.plan import read_plan
from debugger.rules import RULES as REGISTERED
from debugger.rules_file import write_rules
from debugger.session import open_debugger
from job.errors import JobError

RULES = {"UnchangedTensor": {"num_steps": "3"}, "VanishingGradient": {}}


def train(folder: Path, lr: float) -> Path:
    """Six steps of a small network; returns the job's output folder."""
    torch.manual_seed(0)
    network, loss = nn.Linear(4, 3), nn.CrossEntropyLoss()
    names = ",".join(f"{name}:save_interval=1" for name in ("gradients", "losses", "weights"))
    environment = {"SM_OUTPUT_DATA_DIR": str(folder), "SMDEBUG_CONFIG_FILE_PATH": "/nowhere"}
    debugger = open_debugger(environment, read_plan(names, "", ""))
    debugger.watch(network, loss)
    debugger.training()
    optimizer = torch.optim.SGD(network.parameters(), lr=lr)
    for _ in range(6):
        optimizer.zero_grad()
        loss(network(torch.randn(8, 4)), torch.arange(8) % 3).backward()
        optimizer.step()
    debugger.close()
    return folder


def packed(output: Path) -> Path:
    folder = output.with_name(f"{output.name}-input")
    folder.mkdir()
    with tarfile.open(folder / "output.tar.gz", "w:gz") as archive:
        archive.add(output, arcname=".")
    return folder


def test_a_healthy_training_has_no_issues(tmp_path: Path) -> None:
    output = train(tmp_path / "good", lr=0.1)
    found = debugger_findings(packed(output), RULES)
    assert found == debugger_findings(output / "debug", RULES)
    assert (found["issues_found"], found["summary"]) == (0, "no debugger rule found issues")
    assert [rule["status"] for rule in found["rules"]] == ["NoIssuesFound", "NoIssuesFound"]


def test_one_that_learned_nothing_has_one_with_its_reason(tmp_path: Path) -> None:
    found = debugger_findings(packed(train(tmp_path / "bad", lr=0.0)), RULES)
    assert found["issues_found"] == 1
    assert found["summary"].startswith("UnchangedTensor IssuesFound: Linear_")


def test_a_rule_that_cannot_be_judged_does_not_vouch(tmp_path: Path) -> None:
    found = debugger_findings(train(tmp_path, lr=0.1) / "debug", {"DeadRelu": {}})
    assert found["issues_found"] == 1
    assert "DeadRelu Error" in found["summary"]
    assert debugger_findings(tmp_path / "nothing", RULES)["issues_found"] == 2


def test_many_long_findings_still_fit_into_a_failure(tmp_path: Path) -> None:
    found = debugger_findings(tmp_path / ("long" * 60), {name: {} for name in REGISTERED})
    count = len(REGISTERED)
    assert found["issues_found"] == count
    assert found["summary"].startswith(f"{count} rules, among them VanishingGradient Error: ")
    assert len(found["summary"]) == 1500


def test_a_training_that_was_saved_in_part_only_does_not_vouch(tmp_path: Path) -> None:
    debug = train(tmp_path / "good", lr=0.1) / "debug"
    write_rules(debug, [], None, OSError("disk full"))
    found = debugger_findings(debug, RULES)
    assert found["issues_found"] == 2
    assert "VanishingGradient Error: TensorsLost: OSError: disk full" in found["summary"]


def test_a_damaged_archive_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "output.tar.gz").write_bytes(b"no archive")
    with pytest.raises(JobError, match=r"the training's output: .* cannot be extracted"):
        debugger_findings(tmp_path, RULES)
