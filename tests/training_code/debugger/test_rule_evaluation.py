"""All rules of a training at once: what each of them is given, lacks or gets wrong."""

import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from torch import nn

pytest.importorskip("smdebug")

import train as train_job
from debugger.rule_evaluation import evaluate_rules
from debugger.rules import RULES
from tests.training_code.debugger.rule_support import (
    COLLECTIONS,
    LOSS_INPUTS,
    blobs,
    judge,
    layers,
    train,
)

pytestmark = pytest.mark.usefixtures("rules_at_once")


def test_all_rules_read_what_the_projects_training_saves(features: Path, tmp_path: Path) -> None:
    configuration = {
        "LocalPath": str(tmp_path / "tensors"),
        "HookParameters": {"save_interval": "1", "include_regex": LOSS_INPUTS},
        "CollectionConfigurations": [{"CollectionName": name} for name in COLLECTIONS],
    }
    (tmp_path / "hook.json").write_text(json.dumps(configuration))
    environment = {
        "SM_CHANNEL_FEATURES": str(features),
        "SM_MODEL_DIR": str(tmp_path / "model"),
        "SM_OUTPUT_DIR": str(tmp_path / "output"),
        "SM_OUTPUT_DATA_DIR": str(tmp_path / "output/data"),
        "SMDEBUG_CONFIG_FILE_PATH": str(tmp_path / "hook.json"),
    }
    train_job.main(["--epochs=15", "--batch_size=12", "--lr=0.01", "--graph=none"], environment)
    outcomes = evaluate_rules(tmp_path / "tensors", {name: {} for name in RULES})
    failed = {one.name: one.message for one in outcomes if one.status == "Error"}
    assert failed.keys() == {"DeadRelu", "SaturatedActivation"}
    for message in failed.values():  # a head has no activations
        assert "add them to the hook's collections" in message
    healthy = {one.name for one in outcomes if one.status == "NoIssuesFound"}
    assert healthy >= {"VanishingGradient", "ExplodingTensor", "UnchangedTensor", "ClassImbalance"}


def test_what_was_not_saved_is_said(tmp_path: Path) -> None:
    path = train(
        tmp_path, layers(nn.ReLU, (8, 16, 3)), blobs(30), epochs=2, collections=("losses",)
    )
    outcomes = evaluate_rules(path, {name: {} for name in RULES})
    told = {one.name: one.message for one in outcomes if one.status == "Error"}
    assert told.keys() == RULES.keys() - {"ExplodingTensor", "LossNotDecreasing"}
    assert "no gradients" in told["VanishingGradient"]
    assert "no ReLU inputs or outputs" in told["DeadRelu"]
    assert "no EVAL losses" in told["Overfit"]
    assert "no gradients" in told["PoorWeightInitialization"]


def test_one_rules_error_leaves_the_others_alone(tmp_path: Path) -> None:
    path = train(tmp_path, layers(nn.ReLU, (8, 16, 3)), blobs(30), epochs=2)
    outcomes = evaluate_rules(
        path,
        {
            "NoSuchRule": {},
            "VanishingGradient": {"threshold": "small"},
            "Overfit": {"colour": "red"},
            "DeadRelu": {"tensor_regex": "("},
            "ExplodingTensor": {},
        },
    )
    assert [one.status for one in outcomes] == ["Error"] * 4 + ["NoIssuesFound"]
    assert "there is no rule NoSuchRule" in outcomes[0].message
    assert "small" in outcomes[1].message
    assert "colour" in outcomes[2].message


def test_a_folder_without_tensors_is_an_error_and_no_endless_wait(tmp_path: Path) -> None:
    outcome = judge(tmp_path / "nothing", "Overfit")
    assert outcome.status == "Error"
    assert "no tensors were saved" in outcome.message


def test_a_training_that_was_killed_is_judged_by_what_it_saved(tmp_path: Path) -> None:
    path = train(tmp_path, layers(nn.ReLU, (8, 16, 3)), blobs(30), lr=0.0)
    (path / "training_job_end.ts").unlink()
    assert judge(path, "UnchangedTensor").status == "IssuesFound"


def test_what_is_gone_of_a_training_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = train(tmp_path, layers(nn.ReLU, (8, 16, 3)), blobs(30))
    (path / "training_job_end.ts").unlink()
    sorted(path.rglob("*.tfevents"))[-1].unlink()
    waits: list[float] = []
    clock = SimpleNamespace(**vars(time) | {"sleep": waits.append})
    for module in ("core.index_reader", "trials.trial"):  # other threads go on to sleep
        monkeypatch.setattr(f"smdebug.{module}.time", clock)
    assert judge(path, "ExplodingTensor").status == "NoIssuesFound"
    assert len(waits) < 100  # smdebug's own patience with a single tensor
