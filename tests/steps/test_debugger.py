"""SageMaker Debugger on Train."""

import pytest

from pipeline.errors import UsageError

pytestmark = pytest.mark.xdist_group("sdk")

RULES = (
    "VanishingGradient, ExplodingTensor, Overfit, Overtraining, PoorWeightInitialization, "
    "LossNotDecreasing, DeadRelu, SaturatedActivation, UnchangedTensor, ClassImbalance"
)


def test_every_rule_of_the_settings_is_awss_own_by_that_name(step):
    train = step("Train", f"debugger.rules=[{RULES}]")["Arguments"]
    rules = train["DebugRuleConfigurations"]

    assert [rule["RuleConfigurationName"] for rule in rules] == RULES.split(", ")
    for rule in rules:
        assert rule["RuleParameters"] == {"rule_to_invoke": rule["RuleConfigurationName"]}
        assert "sagemaker-debugger-rules" in rule["RuleEvaluatorImage"]


def test_collections_are_sorted_and_there_once_at_our_interval(step):
    train = step("Train", f"debugger.rules=[{RULES}]", "debugger.save_interval=25")["Arguments"]
    collections = train["DebugHookConfig"]["CollectionConfigurations"]
    names = [one["CollectionName"] for one in collections]

    assert names == sorted(set(names))
    assert {"gradients", "losses", "weights", "relu_input", "relu_output"} <= set(names)
    assert {one["CollectionParameters"]["save_interval"] for one in collections} == {"25"}


def test_where_tensors_go_is_the_same_in_every_run_or_nothing_would_be_cached(step):
    hook = step("Train")["Arguments"]["DebugHookConfig"]

    assert hook["S3OutputPath"] == "s3://dog-breeds-111122223333-us-east-1/debugger"


def test_off_leaves_no_trace(step):
    train = step("Train", "debugger.mode=off")["Arguments"]

    assert not [field for field in train if field.startswith("Debug")]


def test_a_region_without_debugger_is_one_clear_error(compiled):
    with pytest.raises(UsageError, match=r"no rules in ap-southeast-7: set debugger\.mode"):
        compiled("aws.region=ap-southeast-7")
