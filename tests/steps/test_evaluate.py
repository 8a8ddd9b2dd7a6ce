"""Evaluate in the definition."""

import pytest

pytestmark = pytest.mark.xdist_group("sdk")


def test_reads_the_artifact_and_the_test_split(step):
    evaluate = step("Evaluate")
    inputs = {
        one["InputName"]: one["S3Input"]["S3Uri"]
        for one in evaluate["Arguments"]["ProcessingInputs"]
    }

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
