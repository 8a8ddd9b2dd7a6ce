"""SageMaker Debugger on Train."""

import pytest

from pipeline.command_line.running import ROOT
from pipeline.errors import UsageError
from pipeline.settings.loading import load_settings
from training_code.tensor_names import ASKED_BY_RULES

pytestmark = pytest.mark.xdist_group("sdk")

RULES = (
    "VanishingGradient, ExplodingTensor, Overfit, Overtraining, PoorWeightInitialization, "
    "LossNotDecreasing, DeadRelu, SaturatedActivation, UnchangedTensor, ClassImbalance"
)

SERVICE = "debugger.mode=service"
SOME = "debugger.rules=[{Overfit: {patience: 3}}, ClassImbalance]"
STOP = "debugger.stop_training_on=[Overfit]"


def test_every_rule_of_the_settings_is_awss_own_by_that_name(step):
    train = step("Train", SERVICE, f"debugger.rules=[{RULES}]")["Arguments"]
    rules = train["DebugRuleConfigurations"]

    assert [rule["RuleConfigurationName"] for rule in rules] == RULES.split(", ")
    for rule in rules:
        assert rule["RuleParameters"] == {"rule_to_invoke": rule["RuleConfigurationName"]}
        assert "sagemaker-debugger-rules" in rule["RuleEvaluatorImage"]


def test_collections_are_sorted_and_there_once_at_our_interval(step):
    overrides = (SERVICE, f"debugger.rules=[{RULES}]", "debugger.save_interval=25")
    train = step("Train", *overrides)["Arguments"]
    collections = train["DebugHookConfig"]["CollectionConfigurations"]
    names = [one["CollectionName"] for one in collections]

    assert names == sorted(set(names))
    assert {"gradients", "losses", "weights", "relu_input", "relu_output"} <= set(names)
    told = {one["CollectionName"]: one["CollectionParameters"] for one in collections}
    losses = told.pop("losses")
    assert told.pop("loss_input")["save_interval"] == losses["save_interval"]  # many labels
    assert {parameters["save_interval"] for parameters in told.values()} == {"25"}
    assert losses == {"save_interval": "5", "eval.save_interval": "1"}


def test_what_rules_ask_for_is_known_to_those_that_warn_of_empty_collections():
    from steps.debugger import collections

    settings = load_settings(ROOT / "pipeline.yaml", None, [f"debugger.rules=[{RULES}]"])
    assert set(collections(settings)) == set(ASKED_BY_RULES)


def test_where_tensors_go_is_the_same_in_every_run_or_nothing_would_be_cached(step):
    hook = step("Train", SERVICE)["Arguments"]["DebugHookConfig"]

    assert hook["S3OutputPath"] == "s3://dog-breeds-111122223333-us-east-1/debugger"


def test_off_leaves_no_trace(step):
    train = step("Train", "debugger.mode=off")["Arguments"]

    assert not [field for field in train if field.startswith("Debug")]
    assert not [name for name in train["HyperParameters"] if name.startswith("debug")]


def test_parameters_and_own_collections_go_along(step):
    train = step(
        "Train",
        SERVICE,
        "debugger.rules=[{Overfit: {patience: 3, ratio_threshold: 0.2}}]",
        "debugger.collections={biases: {}, logits: {include_regex: '.*head_output', "
        "save_interval: 7}}",
    )["Arguments"]
    (rule,) = train["DebugRuleConfigurations"]
    told = {"rule_to_invoke": "Overfit", "patience": "3", "ratio_threshold": "0.2"}
    assert rule["RuleParameters"] == told
    collections = {
        one["CollectionName"]: one["CollectionParameters"]
        for one in train["DebugHookConfig"]["CollectionConfigurations"]
    }
    assert "biases" in collections
    assert collections["logits"] == {"include_regex": ".*head_output", "save_interval": "7"}


def test_embedded_needs_nothing_of_debuggers_api_and_no_region_with_it(step):
    overrides = ("aws.region=ap-southeast-7", SOME, STOP)
    train = step("Train", *overrides)["Arguments"]
    assert not [field for field in train if field.startswith("Debug")]
    told = train["HyperParameters"]
    assert told["debug_rules"] == "Overfit:patience=3,ClassImbalance"
    assert told["debug_stop_on"] == "Overfit"
    names = [part.partition(":")[0] for part in told["debug_collections"].split(",")]
    assert names == ["gradients", "loss_input", "losses", "weights"]


def test_the_job_reads_what_the_definition_says(step):
    from debugger.plan import read_plan

    told = step("Train", SOME, STOP)["Arguments"]["HyperParameters"]
    plan = read_plan(told["debug_collections"], told["debug_rules"], told["debug_stop_on"])
    assert plan.rules == {"Overfit": {"patience": "3"}, "ClassImbalance": {}}
    assert plan.collections["loss_input"]["include_regex"] == ".*[Ll]oss_input"


def test_a_pattern_too_long_for_a_hyperparameter_is_one_clear_error(compiled, step):
    def embedded(letters):
        return f"debugger.collections={{x: {{include_regex: {'a' * letters}}}}}"

    told = step("Train", embedded(1))["Arguments"]["HyperParameters"]["debug_collections"]
    longest = 2500 - len(told) + 1
    compiled(embedded(longest))
    with pytest.raises(UsageError, match=r"debug_collections .* 2501 characters; at most 2500"):
        compiled(embedded(longest + 1))


def test_a_region_without_debugger_is_one_clear_error(compiled):
    with pytest.raises(UsageError, match=r"no rules in ap-southeast-7: set debugger\.mode"):
        compiled(SERVICE, "aws.region=ap-southeast-7")


def test_a_rule_that_aws_has_not_needs_the_mode_embedded(compiled, step, monkeypatch):
    monkeypatch.delattr("sagemaker.debugger.rule_configs.class_imbalance")
    told = step("Train", SOME)["Arguments"]["HyperParameters"]
    assert "ClassImbalance" in told["debug_rules"].split(",")
    assert "loss_input:" in told["debug_collections"]
    with pytest.raises(UsageError, match=r"no rule ClassImbalance: set debugger\.mode to embedded"):
        compiled(SERVICE, SOME)
