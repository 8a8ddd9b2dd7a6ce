"""CheckTensors: the rules that the gate asks, on what a training saved."""

import json
from pathlib import Path

import pytest

from check_tensors import main
from job.errors import JobError
from pipeline.job_scripts.interface import SCRIPTS


def check(tensors: Path, rules: str, findings: Path) -> None:
    main(["--tensors", str(tensors), "--rules", rules, "--findings", str(findings)])


def test_every_rule_that_is_asked_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("smdebug")
    check(tmp_path, "DeadRelu,Overfit:patience=2", tmp_path / "out")
    found = json.loads((tmp_path / "out/findings.json").read_text())
    assert [rule["name"] for rule in found["rules"]] == ["DeadRelu", "Overfit"]
    assert found["issues_found"] == 2  # nothing was saved: nothing rules an issue out
    assert found["summary"] in capsys.readouterr().out
    assert set(found) == set(SCRIPTS["check_tensors.py"].files["findings.json"])


def test_rules_that_cannot_be_read_are_explained(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="--rules: 'Overfit:patience' cannot be read"):
        check(tmp_path, "Overfit:patience", tmp_path / "out")
