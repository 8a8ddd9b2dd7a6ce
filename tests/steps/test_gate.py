"""The gate in the definition."""

import pytest

pytestmark = pytest.mark.xdist_group("sdk")

ACCURACY = {
    "Std:JsonGet": {
        "PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Evaluation"},
        "Path": "multiclass_classification_metrics.accuracy.value",
    }
}


def test_the_test_accuracy_must_reach_the_threshold(step):
    assert step("Gate")["Arguments"]["Conditions"] == [
        {
            "Type": "GreaterThanOrEqualTo",
            "LeftValue": ACCURACY,
            "RightValue": {"Get": "Parameters.AccuracyThreshold"},
        }
    ]


def test_nothing_is_registered_or_deployed_outside_the_gate(compiled, step):
    assert [one["Name"] for one in step("Gate")["Arguments"]["IfSteps"]] == ["Register", "Deploy"]
    assert [one["Name"] for one in compiled()["Steps"]] == [
        "Prepare",
        "ExtractFeatures",
        "Tune",
        "Train",
        "Evaluate",
        "Gate",
    ]


def test_the_failure_says_both_numbers(step):
    message = step("AccuracyTooLow")["Arguments"]["ErrorMessage"]["Std:Join"]

    assert message["On"] == " "
    assert message["Values"][1] == ACCURACY
    assert "Parameters.AccuracyThreshold" in str(message["Values"][3])
