"""What a diff says: steps and fields by name, and which steps can no longer be reused."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.diff.steps import diff_definitions, diff_json, diff_text
from tests.pipeline.diff.diff_support import (
    CACHED,
    Definition,
    get,
    lines,
    old_definition,
    outcomes,
    output,
    processing,
    reasons,
    source,
    step,
)


@pytest.fixture
def old() -> Definition:
    return old_definition()


@pytest.fixture
def new(old: Definition) -> Definition:
    """A copy, to be changed."""
    return copy.deepcopy(old)


def test_the_same_definition_has_no_differences(old: Definition, new: Definition) -> None:
    diff = diff_definitions(old, new)
    assert diff.is_empty
    assert diff_text(diff) == "no differences"
    assert {effect.outcome for effect in diff.cache} == {"kept"}


def test_order_that_means_nothing_is_no_difference(old: Definition, new: Definition) -> None:
    new["Steps"].reverse()
    new["Parameters"].reverse()
    step(new, "Prepare")["Arguments"]["ProcessingInputs"].reverse()
    for definition, turn in ((old, list), (new, reversed)):
        tags = [{"Key": key, "Value": key} for key in ("project", "team")]
        step(definition, "Prepare")["Arguments"]["Tags"] = list(turn(tags))
        step(definition, "Train")["DependsOn"] = list(turn(["Prepare", "Tune"]))
        exceptions = list(turn(["Step.THROTTLING", "Step.SERVICE_FAULT"]))
        step(definition, "Prepare")["RetryPolicies"] = [{"ExceptionType": exceptions}]
    assert diff_definitions(old, new).is_empty


def test_of_an_unordered_list_what_came_and_went_is_said(old: Definition, new: Definition) -> None:
    step(old, "Train")["DependsOn"] = ["Prepare", "Tune"]
    step(new, "Train")["DependsOn"] = ["Gate", "Prepare"]
    said = ['- DependsOn: "Tune" (removed)', '+ DependsOn: "Gate" (added)']
    assert lines(old, new) == ["~ Training step Train", *said]


def test_a_field_is_named_by_step_and_path(old: Definition, new: Definition) -> None:
    cluster = step(new, "Prepare")["Arguments"]["ProcessingResources"]["ClusterConfig"]
    cluster["InstanceType"] = "ml.m5.large"
    assert lines(old, new) == [
        "~ Processing step Prepare",
        "~ Arguments.ProcessingResources.ClusterConfig.InstanceType: "
        '"ml.m5.xlarge" -> "ml.m5.large"',
    ]


def test_elements_of_lists_are_matched_by_name(old: Definition, new: Definition) -> None:
    arguments = step(new, "Prepare")["Arguments"]
    arguments["ProcessingInputs"].insert(0, source("labels", "s3://bucket/labels"))
    arguments["ProcessingInputs"][1]["S3Input"]["S3Uri"] = "s3://bucket/code/b"
    found = diff_definitions(old, new).steps[0].changes
    assert [(change.path, change.kind) for change in found] == [
        ("Arguments.ProcessingInputs[code].S3Input.S3Uri", "changed"),
        ("Arguments.ProcessingInputs[labels]", "added"),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--resize", "128", "--seed", "0"], '[--resize]: "256" -> "128"'),
        (["--resize", "256"], '[--seed]: "0" (removed)'),
        (["--resize", "256", "--seed", "0", "--views", "2"], '[--views]: "2" (added)'),
        (["--seed", "0", "--resize", "256"], '["--seed", "0", "--resize", "256"]'),
        (["--resize", "256", "--seed"], '[3]: "0" (removed)'),
    ],
)
def test_arguments_of_a_script_are_matched_by_option(
    old: Definition, new: Definition, arguments: list[str], said: str
) -> None:
    step(new, "Prepare")["Arguments"]["AppSpecification"]["ContainerArguments"] = arguments
    assert said in lines(old, new)[-1]


def test_parameters_come_first(old: Definition, new: Definition) -> None:
    new["Parameters"][1]["DefaultValue"] = 12
    new["Parameters"].append({"Name": "Note", "Type": "String"})
    assert lines(old, new) == [
        "~ Parameters[Trials].DefaultValue: 6 -> 12",
        '+ Parameters[Note]: {"Name": "Note", "Type": "String"} (added)',
    ]


def test_steps_appear_vanish_and_are_renamed(old: Definition, new: Definition) -> None:
    new["Steps"].append(processing("Report", [], []))
    new["Steps"].remove(step(new, "Train"))
    step(new, "Gate")["Arguments"]["IfSteps"][0]["Name"] = "RegisterModel"
    assert lines(old, new) == [
        "> RegisterModel step RegisterModel (was Register)",
        "+ Processing step Report",
        "- Training step Train",
    ]


@pytest.mark.parametrize(("before", "after"), [(["A", "B"], ["C"]), (["A"], ["B", "C"])])
def test_of_steps_that_are_alike_none_is_taken_for_another_twice(
    old: Definition, new: Definition, before: list[str], after: list[str]
) -> None:
    old["Steps"] += [processing(name, [], []) for name in before]
    new["Steps"] += [processing(name, [], []) for name in after]
    old_names = [diff.old_name for diff in diff_definitions(old, new).steps if diff.old_name]
    assert old_names == (["A"] if len(before) == 1 else [])


def test_a_step_that_changes_its_branch_is_a_change(old: Definition, new: Definition) -> None:
    branches = step(new, "Gate")["Arguments"]
    branches["ElseSteps"], branches["IfSteps"] = branches["IfSteps"], []
    assert lines(old, new) == [
        "~ RegisterModel step Register",
        '~ runs when: "Gate is true" -> "Gate is false"',
    ]


def test_conditions_are_compared(old: Definition, new: Definition) -> None:
    step(new, "Gate")["Arguments"]["Conditions"][0]["RightValue"] = get("Parameters.Limit")
    assert lines(old, new)[-1] == "~ Arguments.Conditions[0].RightValue: 0.5 -> ${Parameters.Limit}"


def test_functions_are_written_for_people(old: Definition, new: Definition) -> None:
    outputs = step(new, "Prepare")["Arguments"]["ProcessingOutputConfig"]["Outputs"]
    outputs[0]["S3Output"]["S3Uri"]["Std:Join"]["Values"][-1] = "data"
    start = "s3://bucket/runs/${Execution.PipelineExecutionId}/Prepare"
    assert lines(old, new)[-1].endswith(f"S3Uri: {start}/dataset -> {start}/data")


def test_true_is_not_one(old: Definition, new: Definition) -> None:
    step(new, "Prepare")["CacheConfig"] = {"Enabled": 1, "ExpireAfter": "P30D"}
    assert lines(old, new)[-1] == "~ CacheConfig.Enabled: true -> 1"


def test_retry_policies_are_matched_by_their_exceptions(old: Definition, new: Definition) -> None:
    policies = step(new, "Prepare")["RetryPolicies"]
    policies[0]["MaxAttempts"] = 5
    policies.insert(0, {"ExceptionType": ["Step.SERVICE_FAULT"], "MaxAttempts": 1})
    assert "~ RetryPolicies[Step.THROTTLING].MaxAttempts: 2 -> 5" in lines(old, new)


def change_resize(new: Definition) -> None:
    step(new, "Prepare")["Arguments"]["AppSpecification"]["ContainerArguments"][1] = "128"


def change_instance(new: Definition) -> None:
    step(new, "Prepare")["Arguments"]["ProcessingResources"] = {}
    step(new, "Prepare")["Arguments"]["Tags"] = []


def change_default(new: Definition) -> None:
    new["Parameters"][0]["DefaultValue"] = "s3://bucket/other"


def change_trials(new: Definition) -> None:
    new["Parameters"][1]["DefaultValue"] = 12


def change_epochs(new: Definition) -> None:
    step(new, "Train")["Arguments"]["HyperParameters"]["epochs"] = "4"


def change_output(new: Definition) -> None:
    step(new, "Prepare")["Arguments"]["ProcessingOutputConfig"]["Outputs"].append(
        output("Prepare", "test")
    )


def keep_checkpoints(new: Definition) -> None:
    checkpoints = {"S3Uri": "s3://bucket/checkpoints"}
    step(new, "Train")["Arguments"]["CheckpointConfig"] = checkpoints


def write_default_out(new: Definition) -> None:
    inputs = step(new, "Prepare")["Arguments"]["ProcessingInputs"]
    inputs[1]["S3Input"]["S3Uri"] = "s3://bucket/data"


def uncache_tune(new: Definition) -> None:
    step(new, "Tune")["CacheConfig"] = {**CACHED, "Enabled": False}


def rename_tune(new: Definition) -> None:
    text = json.dumps(new["Steps"]).replace("Steps.Tune.", "Steps.Search.")
    new["Steps"] = json.loads(text.replace('"Tune"', '"Search"'))


ALL_LOST = {"Prepare": "lost", "Tune": "lost", "Train": "lost"}
KEPT = {"Prepare": "kept", "Tune": "kept", "Train": "kept"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (change_resize, ALL_LOST),
        (change_default, ALL_LOST),
        (change_instance, KEPT),
        (change_output, KEPT),
        (write_default_out, KEPT),
        (keep_checkpoints, {**KEPT, "Train": "lost"}),
        (change_trials, {**KEPT, "Tune": "lost", "Train": "lost"}),
        (change_epochs, {**KEPT, "Train": "lost"}),
        (uncache_tune, {**KEPT, "Tune": "lost", "Train": "lost"}),
        (rename_tune, {"Prepare": "kept", "Search": "lost", "Train": "lost"}),
    ],
)
def test_the_cache_is_lost_by_what_changed_and_what_comes_after(
    old: Definition,
    new: Definition,
    change: Callable[[Definition], None],
    expected: dict[str, str],
) -> None:
    change(new)
    assert outcomes(old, new) == expected


def test_two_parameters_that_only_a_run_knows_are_not_the_same(
    old: Definition, new: Definition
) -> None:
    for definition, name in ((old, "One"), (new, "Other")):
        inputs = step(definition, "Prepare")["Arguments"]["ProcessingInputs"]
        inputs[1]["S3Input"]["S3Uri"] = get(f"Parameters.{name}")
    assert outcomes(old, new) == ALL_LOST


def test_reasons_name_the_field_or_the_step_before(old: Definition, new: Definition) -> None:
    change_resize(new)
    assert reasons(old, new, "Prepare") == (
        'AppSpecification.ContainerArguments[--resize]: "256" -> "128"',
    )
    assert reasons(old, new, "Tune") == (
        "Prepare runs again, which changes the address of its output 'dataset'",
    )
    assert reasons(old, new, "Train") == ("Tune runs again, which changes the best lr",)


def test_a_fixed_address_keeps_the_cache_of_the_steps_after(
    old: Definition, new: Definition
) -> None:
    for definition in (old, new):
        outputs = step(definition, "Prepare")["Arguments"]["ProcessingOutputConfig"]["Outputs"]
        outputs[0]["S3Output"]["S3Uri"] = "s3://bucket/fixed"
    change_resize(new)
    assert outcomes(old, new) == {**KEPT, "Prepare": "lost"}


def test_what_was_never_cached_is_not_lost(old: Definition, new: Definition) -> None:
    for definition in (old, new):
        step(definition, "Prepare").pop("CacheConfig")
    found = {effect.step: effect for effect in diff_definitions(old, new).cache}
    assert found["Prepare"].outcome == found["Tune"].outcome == "always"
    assert found["Tune"].reasons == (
        "Prepare runs each time, which changes the address of its output 'dataset'",
    )


def test_the_answer_of_a_function_is_taken_to_be_the_same(old: Definition, new: Definition) -> None:
    for definition in (old, new):
        definition["Steps"].append({"Name": "Ask", "Type": "Lambda", "Arguments": {}})
        answer = get("Steps.Ask.OutputParameters['uri']")
        step(definition, "Prepare")["Arguments"]["ProcessingInputs"].append(source("x", answer))
    assert outcomes(old, new) == KEPT


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("x" * 200 + "before", "x" * 200 + "after", f'…{"x" * 20}before" -> …{"x" * 20}after"'),
        ("x" * 30, "x" * 30 + "y" * 80, f'…{"x" * 20}" -> …{"x" * 20}{"y" * 80}"'),
        ("x" * 108, "y", f'"{"x" * 108}" -> "y"'),
        ("x" * 109, "y", f'"{"x" * 108}… -> "y"'),
    ],
)
def test_of_long_texts_the_difference_is_shown(
    old: Definition, new: Definition, before: str, after: str, said: str
) -> None:
    for definition, text in ((old, before), (new, after)):
        step(definition, "Gate")["Arguments"]["Conditions"][0]["LeftValue"] = text
    assert lines(old, new)[-1] == f"~ Arguments.Conditions[0].LeftValue: {said}"


def test_caching_that_begins_finds_nothing_yet(old: Definition, new: Definition) -> None:
    step(old, "Train").pop("CacheConfig")
    assert reasons(old, new, "Train") == ("it was not cached until now",)
    step(old, "Prepare")["Type"] = "Training"
    assert reasons(old, new, "Prepare") == ("the step is new",)


def test_something_of_the_run_in_the_inputs_defeats_the_cache(
    old: Definition, new: Definition
) -> None:
    hyperparameters = step(new, "Train")["Arguments"]["HyperParameters"]
    hyperparameters["run"] = get("Execution.PipelineExecutionId")
    assert reasons(old, new, "Train") == ("Execution.PipelineExecutionId is new in each run",)
    for definition in (old, new):
        hyperparameters = step(definition, "Train")["Arguments"]["HyperParameters"]
        hyperparameters["run"] = get("Execution.PipelineName")
    assert outcomes(old, new) == KEPT


def test_the_text_ends_with_the_cache(old: Definition, new: Definition) -> None:
    change_trials(new)
    assert diff_text(diff_definitions(old, new)).splitlines()[-5:] == [
        "cache: Tune runs again",
        "    HyperParameterTuningJobConfig.ResourceLimits.MaxNumberOfTrainingJobs: 6 -> 12",
        "cache: Train runs again",
        "    Tune runs again, which changes the best lr",
        "cache: kept by Prepare",
    ]


def test_the_monitoring_pipelines_differences_are_told_apart(
    old: Definition, new: Definition
) -> None:
    same = diff_definitions(old, new)
    step(new, "Train")["Arguments"]["RoleArn"] = "arn:aws:iam::1:role/other"
    other = diff_definitions(old, new)
    head, _, rest = diff_text(same, other).partition("monitoring pipeline:\n")
    assert (head, rest) == ("no differences\n", diff_text(other))
    content = json.loads(diff_json(same, other))
    assert content["empty"] is False
    assert content["monitoring"]["steps"][0]["name"] == "Train"
    assert json.loads(diff_json(same))["monitoring"] is None


def test_json_holds_every_change(old: Definition, new: Definition) -> None:
    change_epochs(new)
    content = json.loads(diff_json(diff_definitions(old, new)))
    assert content["empty"] is False
    assert content["steps"][0]["changes"] == [
        {
            "path": "Arguments.HyperParameters.epochs",
            "kind": "changed",
            "old": "3",
            "new": "4",
        }
    ]
    assert content["cache"][2]["outcome"] == "lost"


def test_a_name_can_neither_steer_a_terminal_nor_begin_a_line(
    old: Definition, new: Definition
) -> None:
    new["Steps"].append({"Name": "A\x1b[31m\n- Fail step B", "Type": "Fail"})
    text = diff_text(diff_definitions(old, new))
    assert all(map(str.isprintable, text.split("\n")))
    assert r"A\u001b[31m\u000a- Fail step B" in text


def test_long_lists_are_compared_place_by_place(old: Definition, new: Definition) -> None:
    step(old, "Train")["Arguments"]["Sizes"] = [0] * 50_000
    step(new, "Train")["Arguments"]["Sizes"] = [1] + [0] * 50_000
    [diff] = diff_definitions(old, new).steps
    assert [(one.path, one.kind) for one in diff.changes] == [
        ("Arguments.Sizes[0]", "changed"),
        ("Arguments.Sizes[50000]", "added"),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Name", "Type", "Steps", "Arguments", "Get", "Std:Join", "CacheConfig"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=100)
@given(old=st.dictionaries(st.sampled_from(["Steps", "Parameters", "X"]), JSON), new=JSON)
def test_no_definition_is_too_broken_to_be_compared(old: Definition, new: Any) -> None:
    other = {"Steps": [new], "Parameters": new}
    diff_text(diff_definitions(old, other))
    diff_json(diff_definitions(other, old))
    assert diff_definitions(old, copy.deepcopy(old)).is_empty
