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


def test_runs_in_the_image_that_serves_and_installs_nothing_there(step):
    specification = step("Evaluate")["Arguments"]["AppSpecification"]
    (container,) = step("Register")["Arguments"]["InferenceSpecification"]["Containers"]

    assert specification["ImageUri"] == container["Image"]
    entry = ["python3", "/opt/ml/processing/input/code/evaluate.py"]
    assert specification["ContainerEntrypoint"] == entry


def test_runs_in_any_other_image_that_serves_after_what_serving_there_installs(step):
    other = "serving={image: torchserve:1, graph: none, int8: false, int8_tolerance: 0}"
    specification = step("Evaluate", other)["Arguments"]["AppSpecification"]
    (container,) = step("Register", other)["Arguments"]["InferenceSpecification"]["Containers"]

    assert specification["ImageUri"] == container["Image"] == "torchserve:1"
    folder = "/opt/ml/processing/input/code"
    assert specification["ContainerEntrypoint"] == [
        "python3",
        f"{folder}/run_script.py",
        "evaluate.py",
    ]
