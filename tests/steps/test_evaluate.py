"""Evaluate in the definition."""

import pytest

pytestmark = pytest.mark.xdist_group("sdk")


def inputs_of(evaluate):
    return {
        one["InputName"]: one["S3Input"]["S3Uri"]
        for one in evaluate["Arguments"]["ProcessingInputs"]
    }


def test_reads_the_artifact_and_the_test_split(step):
    evaluate = step("Evaluate")
    inputs = inputs_of(evaluate)

    assert inputs["model"] == {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}
    assert inputs["test"] == {
        "Get": "Steps.Prepare.ProcessingOutputConfig.Outputs['test'].S3Output.S3Uri"
    }
    assert evaluate["PropertyFiles"] == [
        {
            "PropertyFileName": "Evaluation",
            "OutputName": "evaluation",
            "FilePath": "evaluation.json",
        }
    ]


def test_the_champion_that_was_found_is_asked_too(step):
    evaluate = step("Evaluate")
    arguments = evaluate["Arguments"]["AppSpecification"]["ContainerArguments"]

    assert inputs_of(evaluate)["champion"] == {
        "Get": "Steps.FindChampion.OutputParameters['model_data']"
    }
    assert arguments[-4:] == [
        "--champion",
        "/opt/ml/processing/input/champion",
        "--champion-package",
        {"Get": "Steps.FindChampion.OutputParameters['model_package_arn']"},
    ]


def test_without_the_champion_rule_nothing_is_compared(step):
    evaluate = step("Evaluate", "gate.champion_tolerance=null")

    assert list(inputs_of(evaluate)) == ["code", "model", "test"]
    assert "--champion" not in str(evaluate)
