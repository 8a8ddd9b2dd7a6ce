"""ExtractFeatures in the definition."""

import pytest

pytestmark = pytest.mark.xdist_group("sdk")


def inputs_of(one):
    return {i["InputName"]: i["S3Input"]["S3Uri"] for i in one["Arguments"]["ProcessingInputs"]}


def test_without_weights_there_is_neither_input_nor_argument(step):
    features = step("ExtractFeatures", "backbone.weights=none")

    assert set(inputs_of(features)) == {"code", "dataset"}
    assert "--weights" not in features["Arguments"]["AppSpecification"]["ContainerArguments"]


def test_weights_come_in_as_a_file(step):
    features = step("ExtractFeatures", "backbone.weights=s3://mine/resnet.pth")

    assert inputs_of(features)["weights"] == "s3://mine/resnet.pth"
    arguments = features["Arguments"]["AppSpecification"]["ContainerArguments"]
    assert arguments[-2:] == ["--weights", "/opt/ml/processing/input/weights"]


def test_reads_train_and_valid_but_not_test(step):
    assert inputs_of(step("ExtractFeatures"))["dataset"] == {
        "Get": "Steps.Prepare.ProcessingOutputConfig.Outputs['dataset'].S3Output.S3Uri"
    }
