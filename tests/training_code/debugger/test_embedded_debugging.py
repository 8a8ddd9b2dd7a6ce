"""Debugging without SageMaker's API: saved, judged and written down by the training job itself."""

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

pytest.importorskip("smdebug")

from smdebug.pytorch import Hook, modes
from smdebug.trials import create_trial

import train as train_job
from debugger import embedded_rules
from debugger.guarded_hook import GuardedHook, sampled
from debugger.plan import DebugPlan, read_named, read_plan
from debugger.session import Debugger, open_debugger
from job.errors import JobError
from learning import training_loop
from tensor_names import HEAD_TENSORS

EVERY_STEP = ",".join(f"{name}:save_interval=1" for name in ("gradients", "losses", "weights"))


@dataclass(frozen=True)
class Watched:
    """A training's log and what it left in its output."""

    log: str
    output: Path

    @property
    def debug(self) -> Path:
        return self.output / "debug"

    def document(self) -> Any:
        return json.loads((self.debug / "rules.json").read_text())

    def statuses(self) -> dict[str, str]:
        return {rule["name"]: rule["status"] for rule in self.document()["rules"]}


@pytest.fixture(autouse=True)
def no_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SMDEBUG_CONFIG_FILE_PATH", str(tmp_path / "none.json"))


@pytest.fixture(autouse=True)
def rules_look_after_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise it depends on how quick the machine is when they look."""
    monkeypatch.setattr(embedded_rules, "_WAIT", 0.0)


def watched(
    features: Path, folder: Path, dataset: Path | None = None, **hyperparameters: object
) -> Watched:
    """train.py's main under a plan that saves everything at every step."""
    environment = {
        "SM_CHANNEL_FEATURES": str(features),
        "SM_MODEL_DIR": str(folder / "model"),
        "SM_OUTPUT_DIR": str(folder / "output"),
        "SM_OUTPUT_DATA_DIR": str(folder / "output/data"),
        "SMDEBUG_CONFIG_FILE_PATH": str(folder / "none.json"),
    } | ({} if dataset is None else {"SM_CHANNEL_DATASET": str(dataset)})
    usual = {"epochs": 3, "batch_size": 12, "lr": 0.01, "graph": "none"}
    usual["debug_collections"] = EVERY_STEP
    arguments = [f"--{name}={value}" for name, value in (usual | hyperparameters).items()]
    with redirect_stdout(io.StringIO()) as log:
        try:
            train_job.main(arguments, environment)
        except JobError as error:
            print("JobError:", error)
    return Watched(log.getvalue(), folder / "output/data")


def test_tensors_and_what_rules_found_lie_in_the_output(features: Path, tmp_path: Path) -> None:
    rules = "VanishingGradient,ExplodingTensor,Overtraining:patience_train=2"
    found = watched(features, tmp_path, debug_rules=rules)
    trial = create_trial(str(found.debug))
    assert trial.tensor("ClassificationLoss_output_0").steps(mode=modes.TRAIN) == list(range(9))
    assert trial.tensor("ClassificationLoss_output_0").steps(mode=modes.EVAL) == [0, 1, 2]
    assert set(found.statuses().values()) == {"NoIssuesFound"}
    document = found.document()
    assert (document["stopped_by"], document["lost"]) == (None, None)
    assert document["rules"][2] == {
        "name": "Overtraining",
        "status": "NoIssuesFound",
        "step": None,
        "tensor": None,
        "message": "no issues in 12 saved steps",
        "parameters": {"patience_train": "2"},
    }


def test_debugging_changes_nothing_in_the_model(features: Path, tmp_path: Path) -> None:
    watched(features, tmp_path / "a", debug_rules="VanishingGradient")
    watched(features, tmp_path / "b", debug_collections="")
    assert not (tmp_path / "b/output/data/debug").exists()
    for name in ("model.safetensors", "model.json"):
        one, other = (tmp_path / run / "model" / name for run in "ab")
        assert one.read_bytes() == other.read_bytes()


def test_a_lost_training_ends_and_says_why(features: Path, tmp_path: Path) -> None:
    rules = "LossNotDecreasing:num_steps=3:increase_threshold_percent=0,VanishingGradient"
    told = {"debug_rules": rules, "epochs": 50, "optimizer": "SGD", "lr": 1e-30}
    lost = watched(features, tmp_path / "lost", debug_stop_on="LossNotDecreasing", **told)
    assert lost.log.count("\nepoch=") < 49
    assert "JobError: debugger rule LossNotDecreasing found an issue" in lost.log
    assert "debugger.stop_training_on" in lost.log
    assert lost.document()["stopped_by"] == "LossNotDecreasing"
    assert lost.statuses() == {"LossNotDecreasing": "IssuesFound", "VanishingGradient": "Stopped"}
    assert not (tmp_path / "lost/model/model.safetensors").exists()


def test_a_training_that_fails_leaves_what_its_rules_and_profile_saw(
    features: Path, tmp_path: Path
) -> None:
    told = {"debug_rules": "ExplodingTensor,UnchangedTensor", "optimizer": "SGD", "lr": 1e30}
    failed = watched(features, tmp_path, profile=True, **told)
    assert "JobError: the training loss is nan" in failed.log
    assert failed.statuses() == {
        "ExplodingTensor": "IssuesFound",
        "UnchangedTensor": "NoIssuesFound",
    }
    (phase,) = json.loads((failed.output / "profile/profile.json").read_text())["phases"]
    assert (phase["name"], phase["steps"]) == ("head", 3)


def test_a_rule_that_ends_the_training_is_told_although_saving_was_lost_before(
    features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    validate = training_loop.validate

    def losing(phase: Any) -> Any:
        result = validate(phase)
        hook.give_up(OSError("no space left"))
        return result

    create = GuardedHook.create_from_json_file

    def remembered(path: str) -> Any:
        nonlocal hook
        hook = create(path)
        return hook

    hook: Any = None
    monkeypatch.setattr(GuardedHook, "create_from_json_file", remembered)
    monkeypatch.setattr(training_loop, "validate", losing)
    rules = {"debug_rules": "VanishingGradient:threshold=1e9", "debug_stop_on": "VanishingGradient"}
    lost = watched(features, tmp_path, **rules)
    assert lost.document()["stopped_by"] == "VanishingGradient"
    assert lost.statuses() == {"VanishingGradient": "IssuesFound"}


def test_a_finding_that_ends_nothing_leaves_the_training_alone(
    features: Path, tmp_path: Path
) -> None:
    rules = "LossNotDecreasing:num_steps=3:increase_threshold_percent=0"
    found = watched(features, tmp_path, debug_rules=rules, optimizer="SGD", lr=1e-30)
    assert found.statuses() == {"LossNotDecreasing": "IssuesFound"}
    assert found.log.count("debugger rule LossNotDecreasing: IssuesFound") == 1
    assert (tmp_path / "model/model.safetensors").is_file()


def test_a_hook_that_breaks_half_way_is_said_once_and_rules_cannot_vouch(
    features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, calls = Hook._write_for_tensor, []

    def failing(*arguments: Any, **named: Any) -> None:
        calls.append(1)
        if len(calls) > 20:
            raise OSError("no space left")
        write(*arguments, **named)

    monkeypatch.setattr(Hook, "_write_for_tensor", failing)
    found = watched(features, tmp_path, debug_rules="VanishingGradient")
    assert found.log.count("warning: debugging was lost (OSError: no space left)") == 1
    assert found.log.count("\nepoch=") == 2  # and one in the first line
    assert found.statuses() == {"VanishingGradient": "Error"}
    assert found.document()["lost"] == "OSError: no space left"
    assert (tmp_path / "model/model.safetensors").is_file()


def test_fine_tuning_saves_what_it_trains_and_nothing_frozen(
    features: Path, prepared: Path, tmp_path: Path
) -> None:
    told = {"fine_tune_blocks": 1, "fine_tune_epochs": 1, "debug_rules": "DeadRelu"}
    collections = f"{EVERY_STEP},relu_input:save_interval=1:include_regex=.*relu_input"
    found = watched(features, tmp_path, prepared / "dataset", debug_collections=collections, **told)
    trial = create_trial(str(found.debug))
    weights = {name for name in trial.tensor_names() if name.endswith("weight")}
    trained = {name.removeprefix("gradient/") for name in weights if name.startswith("gradient/")}
    assert {name for name in weights if not name.startswith("gradient/")} == trained
    assert any("conv5" in name for name in trained)
    assert not any("stage2" in name for name in trained)
    relus = [name for name in trial.tensor_names() if "relu_input" in name]
    assert relus  # torchvision calls them "2"
    values = [trial.tensor(name).value(trial.tensor(name).steps()[0]) for name in relus]
    assert any((value < 0).any() for value in values)  # what went in, not what came out
    assert found.statuses()["DeadRelu"] in ("NoIssuesFound", "IssuesFound")


def test_a_collection_that_saved_nothing_is_said(features: Path, tmp_path: Path) -> None:
    own = "logits:include_regex=head_output,good:include_regex=Head_output"
    by_rules = "relu_input:include_regex=.*relu_input"
    found = watched(features, tmp_path, debug_collections=f"{EVERY_STEP},{own},{by_rules}")
    assert found.log.count("saved nothing") == 1
    warning = (
        "warning: debugger collection logits saved nothing: no tensor of this training matches"
    )
    assert f"{warning} 'head_output'. There are " in found.log
    assert found.document()["unmatched"] == ["logits"]


def test_what_a_head_has_to_save_is_what_is_known_of_it(features: Path, tmp_path: Path) -> None:
    found = watched(features, tmp_path, debug_collections="every:include_regex=.*")
    assert set(create_trial(str(found.debug)).tensor_names()) == set(HEAD_TENSORS)


def test_losses_are_there_when_rules_look(tmp_path: Path) -> None:
    plan = read_plan(
        "losses:eval.save_interval=1:save_interval=2,gradients:save_interval=4", "", ""
    )
    network, loss = nn.Linear(4, 3), nn.CrossEntropyLoss()
    debugger = open_debugger({"SM_OUTPUT_DATA_DIR": str(tmp_path)}, plan)
    debugger.watch(network, loss)

    def step() -> None:
        loss(network(torch.randn(5, 4)), torch.zeros(5, dtype=torch.long)).backward()

    def saved(name: str, mode: Any) -> list[int]:
        debugger.check()
        steps: list[int] = create_trial(str(tmp_path / "debug")).tensor(name).steps(mode=mode)
        return steps

    debugger.training()
    for _ in range(3):
        step()
    assert saved("CrossEntropyLoss_output_0", modes.TRAIN) == [0, 2]
    debugger.validating()
    with torch.no_grad():
        loss(network(torch.randn(5, 4)), torch.zeros(5, dtype=torch.long))
    assert saved("CrossEntropyLoss_output_0", modes.EVAL) == [0]
    debugger.training()
    for _ in range(3):
        step()
    debugger.close()
    assert saved("CrossEntropyLoss_output_0", modes.TRAIN) == [0, 2, 4]
    assert saved("gradient/Linear_weight", modes.TRAIN) == [0, 4]


@pytest.mark.parametrize("left_early", [False, True])
def test_batches_that_are_counted_save_what_noticed_calls_save(
    tmp_path: Path, left_early: bool
) -> None:
    """A loop may hand its batches over, for its steps to be counted, or leave that to the hook."""
    plan = read_plan("losses:eval.save_interval=2:save_interval=3,weights:save_interval=4", "", "")
    loss, batches = nn.CrossEntropyLoss(), list(torch.randn(5, 2, 4))
    noticed: list[bool] = []

    def train(folder: Path, counted: bool) -> Any:
        network = nn.Linear(4, 3)
        debugger = open_debugger({"SM_OUTPUT_DATA_DIR": str(folder)}, plan)
        debugger.watch(network, loss)
        for _ in range(3):
            debugger.training()
            for number, batch in enumerate(debugger.steps(batches) if counted else batches):
                noticed.append(bool(network._forward_pre_hooks))
                loss(network(batch), torch.zeros(2, dtype=torch.long)).backward()
                if left_early and number == 2:
                    break
            debugger.validating()
            with torch.no_grad():
                loss(network(batches[0]), torch.zeros(2, dtype=torch.long))
        debugger.close()
        trial = create_trial(str(folder / "debug"))
        losses, weights = trial.tensor("CrossEntropyLoss_output_0"), trial.tensor("Linear_weight")
        return trial.steps(), losses.steps(mode=modes.EVAL), weights.steps(mode=modes.TRAIN)

    assert train(tmp_path / "noticed", counted=False) == train(tmp_path / "counted", counted=True)
    steps = len(noticed) // 2
    assert all(noticed[:steps])
    assert not all(noticed[steps:])  # PyTorch calls a module without callbacks in a quicker way


def test_a_step_of_the_loss_alone_listens_to_no_other_layer_once_it_knows_them(
    tmp_path: Path,
) -> None:
    plan = read_plan("losses:save_interval=1,mine:include_regex=1_output:save_interval=3", "", "")
    network, loss = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3)), nn.CrossEntropyLoss()
    debugger = open_debugger({"SM_OUTPUT_DATA_DIR": str(tmp_path)}, plan)
    debugger.watch(network, loss)
    debugger.training()
    heard = []
    network.register_forward_hook(
        lambda *_: heard.append([bool(layer._forward_hooks) for layer in network])
    )
    for _ in range(4):
        loss(network(torch.randn(5, 4)), torch.zeros(5, dtype=torch.long)).backward()
    debugger.close()
    assert heard == [[True, True], [False, False], [False, False], [False, True]]
    trial = create_trial(str(tmp_path / "debug"))
    assert trial.tensor("CrossEntropyLoss_output_0").steps() == [0, 1, 2, 3]
    assert trial.tensor("1_output_0").steps() == [0, 3]


def test_an_activation_keeps_its_input_only_in_a_step_that_saves_it(tmp_path: Path) -> None:
    plan = read_plan("relu_input:save_interval=2:include_regex=.*relu_input", "", "")
    network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(inplace=True), nn.Linear(8, 3))
    loss = nn.CrossEntropyLoss()
    kept = []

    def keep(_: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        kept.append(inputs[0].data_ptr() != output.data_ptr())

    network[1].register_forward_hook(keep)
    debugger = open_debugger({"SM_OUTPUT_DATA_DIR": str(tmp_path)}, plan)
    debugger.watch(network, loss)
    debugger.training()
    for _ in range(4):
        loss(network(torch.randn(5, 4)), torch.zeros(5, dtype=torch.long)).backward()
    debugger.close()
    assert kept == [True, False, True, False]
    trial = create_trial(str(tmp_path / "debug"))
    (name,) = [name for name in trial.tensor_names() if "relu_input" in name]
    assert trial.tensor(name).value(2).min() < 0


def test_bfloat16_of_mixed_precision_is_saved_as_float32(tmp_path: Path) -> None:
    plan = read_plan(f"{EVERY_STEP},relu_input:save_interval=1:include_regex=.*relu_input", "", "")
    network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    loss = nn.CrossEntropyLoss()
    debugger = open_debugger({"SM_OUTPUT_DATA_DIR": str(tmp_path)} | no_configuration(), plan)
    debugger.watch(network, loss)
    debugger.training()
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(torch.randn(5, 4))
        loss(logits.float(), torch.zeros(5, dtype=torch.long)).backward()
    debugger.close()
    trial = create_trial(str(tmp_path / "debug"))
    (name,) = [name for name in trial.tensor_names() if "relu_input" in name]
    assert trial.tensor(name).value(0).dtype == "float32"
    assert trial.tensor(name).value(0).shape == (5, 8)
    assert json.loads((tmp_path / "debug/rules.json").read_text())["lost"] is None


def no_configuration() -> Mapping[str, str]:
    return {"SMDEBUG_CONFIG_FILE_PATH": "/nowhere/debughookconfig.json"}


def test_a_job_with_the_platforms_configuration_says_that_it_was_lost(tmp_path: Path) -> None:
    configuration = {"LocalPath": str(tmp_path / "tensors"), "CollectionConfigurations": []}
    (tmp_path / "hook.json").write_text(json.dumps(configuration))
    environment = {
        "SM_OUTPUT_DATA_DIR": str(tmp_path / "data"),
        "SMDEBUG_CONFIG_FILE_PATH": str(tmp_path / "hook.json"),
    }
    debugger = open_debugger(environment)
    network = nn.Linear(2, 2)
    debugger.watch(network, nn.CrossEntropyLoss())
    debugger.watch(network, nn.CrossEntropyLoss())  # smdebug refuses a module it knows
    debugger.close()
    for place in ("data/debug", "tensors"):  # the job's output, and where the gate will look
        assert "twice" in json.loads((tmp_path / place / "rules.json").read_text())["lost"]


def test_debugging_that_could_not_begin_is_written_down_too(tmp_path: Path) -> None:
    (tmp_path / "hook.json").write_text("{")
    environment = {
        "SM_OUTPUT_DATA_DIR": str(tmp_path / "data"),
        "SMDEBUG_CONFIG_FILE_PATH": str(tmp_path / "hook.json"),
    }
    debugger = open_debugger(environment)
    debugger.watch(nn.Linear(2, 2), nn.CrossEntropyLoss())
    debugger.close()
    assert "JSON" in json.loads((tmp_path / "data/debug/rules.json").read_text())["lost"]


@pytest.mark.parametrize(
    ("shape", "kept"),
    [
        ((64, 10), (64, 10)),
        ((64, 100), (10, 100)),
        ((4, 3, 16, 16), (4, 3, 8, 8)),
        ((64, 8, 32, 32), (64, 8, 1, 1)),
        ((2, 5000), (1, 5000)),
        ((0, 3, 5), (0, 3, 5)),
    ],
)
def test_large_activations_are_sampled_and_no_unit_is_left_out(
    shape: tuple[int, ...], kept: tuple[int, ...]
) -> None:
    assert tuple(sampled(torch.zeros(shape), 1000).shape) == kept


def test_a_plan_is_read_as_it_was_written() -> None:
    plan = read_plan(
        "a:include_regex=.%2Ax%20%26_in%2C%5Ey:save_interval=5,b",
        "Overfit:patience=3,DeadRelu",
        "Overfit",
    )
    assert plan.collections == {
        "a": {"include_regex": ".*x &_in,^y", "save_interval": "5"},
        "b": {},
    }
    assert plan == DebugPlan(
        plan.collections, {"Overfit": {"patience": "3"}, "DeadRelu": {}}, ("Overfit",)
    )
    assert not read_plan("", "", "").active


@pytest.mark.parametrize("text", ["a:", ":x=1", "a:x", "a:=1", "a,a", "a,", ","])
def test_a_plan_that_cannot_be_read_is_one_clear_error(text: str) -> None:
    with pytest.raises(JobError, match=r"^--rules: "):
        read_named(text, "--rules")


def test_a_rule_that_does_not_run_ends_nothing() -> None:
    with pytest.raises(JobError, match=r"debug_stop_on names Overfit.*there are DeadRelu"):
        read_plan("", "DeadRelu", "Overfit")


def test_without_a_hook_nothing_takes_time(tmp_path: Path) -> None:
    debugger = Debugger()
    debugger.training()
    debugger.check()
    debugger.close()
    assert debugger.seconds() == 0.0
