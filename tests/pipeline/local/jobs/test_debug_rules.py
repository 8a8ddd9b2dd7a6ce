"""Rules of a training job: evaluated beside it, described as SageMaker describes them."""

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.engine.scheduler import ExecutionResult
from pipeline.local.jobs.containers import Background, Job
from pipeline.local.jobs.debug_rules import RuleConfiguration, RuleWatch, read_configurations
from pipeline.local.processes.command import Command
from pipeline.local.service.api import LocalApi
from pipeline.local.service.shapes import find_problems, service_model
from pipeline.local.store import Store
from tests.pipeline.local.runner_support import BUCKET, Lab, wait_for

pytest.importorskip("smdebug")

# Trains one number; argv says how far it moves each step. "wait" waits to be stopped.
SCRIPT = """
import os, sys, time
import numpy as np
import torch
os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"
from smdebug.core import writer
from smdebug.core.tfevent import util
from smdebug.pytorch import Hook, modes
class OlderArray(np.ndarray):  # smdebug calls what NumPy 2.3 dropped
    tostring = np.ndarray.tobytes
writer.make_tensor_proto = lambda nparray_data, tag: util.make_tensor_proto(
    nparray_data.view(OlderArray), tag)
hook = Hook.create_from_json_file(os.environ["SMDEBUG_CONFIG_FILE_PATH"])
network, loss = torch.nn.Linear(1, 1), torch.nn.MSELoss()
hook.register_module(network)
hook.register_loss(loss)
hook.set_mode(modes.TRAIN)
optimizer = torch.optim.SGD(network.parameters(), lr=float(sys.argv[sys.argv.index("--lr") + 1]))
for step in range(12):
    optimizer.zero_grad()
    loss(network(torch.ones(4, 1)), torch.full((4, 1), 5.0)).backward()
    optimizer.step()
if "--wait" in sys.argv:
    network(torch.ones(1, 1))  # so that the last step is written
    hook.close()
    time.sleep(600)
"""
HOOK: dict[str, Any] = {
    "S3OutputPath": f"{BUCKET}/debugger",
    "HookParameters": {"save_interval": "1"},
    "CollectionConfigurations": [{"CollectionName": n} for n in ("losses", "weights", "gradients")],
}
# 1e-4 moves the loss by less than 10 % in 12 steps, 0.1 by far more.
NOT_FALLING = {"rule_to_invoke": "LossNotDecreasing", "num_steps": "5", "diff_percent": "5"}
STOP = '[{"name": "stoptraining", "training_job_prefix": "pipelines-"}]'


@pytest.fixture
def lab(store: Store) -> Lab:
    return Lab(store)


@pytest.fixture
def without_a_head_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules are looked at from the start."""
    monkeypatch.setattr("pipeline.local.jobs.debug_rules._HEAD_START_S", 0.0)


def rule(name: str, **parameters: str) -> dict[str, Any]:
    image = "503895931360.dkr.ecr.us-east-1.amazonaws.com/sagemaker-debugger-rules:latest"
    values = {"RuleConfigurationName": name, "RuleEvaluatorImage": image}
    return values | {"RuleParameters": parameters}


def training(lab: Lab, rules: list[dict[str, Any]], script: str = SCRIPT, **told: str) -> Any:
    return lab.training(
        "Train", script, hyperparameters=told, DebugHookConfig=HOOK, DebugRuleConfigurations=rules
    )


def described(lab: Lab) -> dict[str, Any]:
    name = lab.store.list("TrainingJob")[0]["TrainingJobName"]
    answer = LocalApi(lab.store).call("DescribeTrainingJob", {"TrainingJobName": name})
    shape = service_model().operation_model("DescribeTrainingJob").output_shape
    assert list(find_problems(shape, answer)) == []
    return answer


def statuses(lab: Lab) -> dict[str, tuple[str, str]]:
    return {
        each["RuleConfigurationName"]: (
            each["RuleEvaluationStatus"],
            each.get("StatusDetails", ""),
        )
        for each in described(lab)["DebugRuleEvaluationStatuses"]
    }


def test_each_rule_ends_in_its_own_status(lab: Lab) -> None:
    rules = [
        rule("LossNotDecreasing", **NOT_FALLING),
        rule("Strict", **NOT_FALLING | {"diff_percent": "99.9"}),
        rule("VanishingGradient", rule_to_invoke="VanishingGradient"),
        rule("Unknown", rule_to_invoke="TreeDepth"),
        rule("Wrong", rule_to_invoke="Overfit", patience="many"),
    ]
    result = lab.run(training(lab, rules, lr="0.1"))
    assert result.status == "Succeeded", result.failure
    found = statuses(lab)
    assert {name: status for name, (status, _) in found.items()} == {
        "LossNotDecreasing": "NoIssuesFound",
        "Strict": "IssuesFound",
        "VanishingGradient": "NoIssuesFound",
        "Unknown": "Error",
        "Wrong": "Error",
    }
    assert found["Strict"][1].startswith("RuleEvaluationConditionMet: ")
    assert " at step " in found["Strict"][1]
    assert "no rule TreeDepth" in found["Unknown"][1]
    assert "many" in found["Wrong"][1]
    arns = {each["RuleEvaluationJobArn"] for each in described(lab)["DebugRuleEvaluationStatuses"]}
    assert len(arns) == 5
    assert all(":processing-job/" in arn for arn in arns)
    work = lab.store.root / "runs" / result.execution_id / "Train"
    assert sorted(path.name for path in work.iterdir()) == ["log.txt", "rules.txt"]


@pytest.mark.usefixtures("without_a_head_start")
def test_a_lost_training_is_stopped_by_the_rule_that_is_told_to(lab: Lab) -> None:
    rules = [
        rule("LossNotDecreasing", **NOT_FALLING, action_json=STOP),
        rule("Overfit", rule_to_invoke="Overfit"),
    ]
    result = lab.run(training(lab, rules, lr="0.0001", wait="1"))
    assert result.status == "Failed"
    assert "rule LossNotDecreasing stopped the training: " in str(result.failure)
    job = described(lab)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Stopped"
    found = statuses(lab)
    assert found["LossNotDecreasing"][0] == "IssuesFound"
    assert found["Overfit"][0] == "Stopped"


class Evaluator:
    """In a rules' process' place: has told `outcomes`, and looks on for a while."""

    def __init__(self, *outcomes: tuple[str, str, str], looks: int = 0) -> None:
        told = [dict(zip(("key", "status", "message"), each, strict=True)) for each in outcomes]
        self._log = "a warning\n" + "".join(f"outcome {json.dumps(each)}\n" for each in told)
        self._looks = looks

    def __call__(self, command: Command) -> "Evaluator":
        command.log.write_text(self._log)
        return self

    def poll(self) -> int | None:
        self._looks -= 1
        return None if self._looks > 0 else 0

    def signal(self, number: int) -> None:
        self._looks = 0


def watched(job: Job, *rules: RuleConfiguration) -> RuleWatch:
    """The watch of a training that ends as soon as nothing is in progress any more."""

    def on_change(statuses: list[dict[str, Any]]) -> None:
        if all(each["RuleEvaluationStatus"] != "InProgress" for each in statuses):
            watch.training_ended(False)

    watch = RuleWatch(list(rules), Path("tensors"), job, on_change)
    return watch


@pytest.mark.usefixtures("without_a_head_start")
@pytest.mark.parametrize(
    ("stops", "status", "ended", "stopped_by"),
    [
        (("other", "jo"), "IssuesFound", False, "First"),
        (("other", "jo"), "IssuesFound", True, None),
        (("other", "jo"), "NoIssuesFound", False, None),
        (("other",), "IssuesFound", False, None),
    ],
)
def test_the_first_rule_that_fires_stops_the_training_that_it_is_for_while_it_runs(
    lab: Lab,
    stops: tuple[str, ...],
    status: str,
    ended: bool,
    stopped_by: str | None,
) -> None:
    evaluator = Evaluator(("First", status, "x" * 2000), ("Second", status, "later"))
    job = replace(lab.job(), start=evaluator)
    rules = [RuleConfiguration(name, "Overfit", stops=stops) for name in ("First", "Second")]
    watch = watched(job, *rules)
    if ended:
        watch.training_ended(False)
    watch.follow()
    assert (watch.stopped_by.name if watch.stopped_by else None) == stopped_by
    assert len(watch.details("First")) == 1024
    assert [path.name for path in job.work.iterdir()] == ["rules.txt"]


@pytest.mark.usefixtures("without_a_head_start")
def test_rules_of_a_run_that_is_cancelled_are_stopped(lab: Lab) -> None:
    background = Background(lambda work: None, cancelled=lambda: True)
    job = replace(lab.job(), start=Evaluator(looks=200), background=background)
    watch = watched(job, RuleConfiguration("Overfit", "Overfit"))
    watch.follow()
    (status,) = watch.statuses()
    assert status["RuleEvaluationStatus"] == "Stopped"


def test_a_training_that_saved_nothing_has_rules_in_error(lab: Lab) -> None:
    result = lab.run(training(lab, [rule("Overfit", rule_to_invoke="Overfit")], "print('none')"))
    assert result.status == "Succeeded"
    status, details = statuses(lab)["Overfit"]
    assert status == "Error"
    assert "no tensors were saved" in details
    assert (
        not lab.store.path(HOOK["S3OutputPath"])
        .joinpath(described(lab)["TrainingJobName"])
        .exists()
    )


def test_rules_are_in_progress_while_the_training_runs_and_stopped_with_it(
    lab: Lab, tmp_path: Path
) -> None:
    script = f"import time\nopen({str(tmp_path / 'begun')!r}, 'w')\ntime.sleep(600)"
    results: list[ExecutionResult] = []
    steps = training(lab, [rule("Overfit", rule_to_invoke="Overfit")], script)
    thread = threading.Thread(target=lambda: results.append(lab.run(steps)))
    thread.start()
    wait_for(tmp_path / "begun")
    assert statuses(lab)["Overfit"][0] == "InProgress"
    lab.cancel.set()
    thread.join()
    assert results[0].status == "Stopped"
    assert statuses(lab)["Overfit"][0] == "Stopped"


def test_a_training_without_rules_has_no_statuses(lab: Lab) -> None:
    lab.run(training(lab, [], "print('none')"))
    assert "DebugRuleEvaluationStatuses" not in described(lab)


@pytest.mark.parametrize(
    ("actions", "stops"),
    [
        ("", ()),
        ("{", ()),
        ('{"name": "sms", "endpoint": "+1"}', ()),
        ('{"name": "StopTraining", "training_job_prefix": "Mine"}', ("mine",)),
        (STOP, ("pipelines-",)),
    ],
)
def test_actions_are_read_as_smdebug_reads_them(actions: str, stops: tuple[str, ...]) -> None:
    given = {"rule_to_invoke": "Overfit", "patience": "3", "action_json": actions}
    (found,) = read_configurations({"DebugRuleConfigurations": [rule("Mine", **given)]})
    assert found == RuleConfiguration("Mine", "Overfit", {"patience": "3"}, stops)


def test_a_configuration_without_a_rule_is_named_after_it() -> None:
    found = read_configurations({"DebugRuleConfigurations": [rule("Overfit")]})
    assert found == [RuleConfiguration("Overfit", "Overfit")]
