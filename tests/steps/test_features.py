"""ExtractFeatures in the definition."""

import pytest

from pipeline.assets.code_bundle import bundles_of
from pipeline.command_line.running import ROOT
from pipeline.settings.loading import load_settings
from tests.steps.conftest import FIXED

pytestmark = pytest.mark.xdist_group("sdk")


def inputs_of(one):
    return {i["InputName"]: i["S3Input"]["S3Uri"] for i in one["Arguments"]["ProcessingInputs"]}


def test_without_weights_there_is_neither_input_nor_argument(step):
    features = step("ExtractFeatures", "backbone.weights=none")

    assert set(inputs_of(features)) == {"code", "dataset", "test"}
    assert "--weights" not in features["Arguments"]["AppSpecification"]["ContainerArguments"]


def test_weights_come_in_as_a_file(step):
    features = step("ExtractFeatures", "backbone.weights=s3://mine/resnet.pth")

    assert inputs_of(features)["weights"] == "s3://mine/resnet.pth"
    arguments = features["Arguments"]["AppSpecification"]["ContainerArguments"]
    assert arguments[-2:] == ["--weights", "/opt/ml/processing/input/weights"]


def test_test_pictures_come_in_beside_what_training_sees_and_stay_behind(step):
    features = step("ExtractFeatures")
    for name in ("dataset", "test"):
        assert inputs_of(features)[name] == {
            "Get": f"Steps.Prepare.ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri"
        }
    outputs = features["Arguments"]["ProcessingOutputConfig"]["Outputs"]
    assert [output["OutputName"] for output in outputs] == ["features"]


def test_whether_test_pictures_in_train_end_the_run_is_said_only_when_they_do(step):
    def arguments(*overrides):
        return step("ExtractFeatures", *overrides)["Arguments"]["AppSpecification"][
            "ContainerArguments"
        ]

    assert arguments() == arguments("data.test_in_train=warn")
    told = arguments("data.test_in_train=fail")
    assert told[told.index("--test-in-train") + 1] == "fail"
    off = step("ExtractFeatures", "data.test_in_train=off")
    assert "test" not in inputs_of(off)
    assert not {"--test", "--test-in-train"} & set(arguments("data.test_in_train=off"))


BOTH = "features.with_prepare=true"


@pytest.fixture(scope="session")
def both(compiled):
    return compiled(BOTH, "backbone.weights=s3://mine/resnet.pth")["Steps"]


def test_prepare_extracts_the_features_as_well_when_asked(both):
    prepare = both[0]
    outputs = prepare["Arguments"]["ProcessingOutputConfig"]["Outputs"]

    assert [one["Name"] for one in both[:2]] == ["Prepare", "Tune"]
    assert [output["OutputName"] for output in outputs] == ["dataset", "test", "features"]
    assert set(inputs_of(prepare)) == {"code", "data", "weights"}
    assert "ExtractFeatures" not in str(both)


def test_it_says_to_one_job_what_it_says_to_two(both, step):
    def told(one):
        words = one["Arguments"]["AppSpecification"]["ContainerArguments"]
        return dict(zip(words[::2], words[1::2], strict=True))

    weights = "backbone.weights=s3://mine/resnet.pth"
    two = told(step("ExtractFeatures", weights)) | told(step("Prepare", weights))
    assert told(both[0]) == two


@pytest.mark.parametrize("overrides", [(), (BOTH,)])
def test_all_code_that_is_uploaded_is_some_steps(compiled, overrides):
    settings = load_settings(ROOT / "pipeline.yaml", "local", [*FIXED, *overrides])
    text = str(compiled(*overrides))
    assert [one.entry for one in bundles_of(settings, ROOT).values() if one.uri not in text] == []


def test_whether_test_pictures_are_looked_for_is_said_to_one_job(step):
    for value in ("off", "fail"):
        prepare = step("Prepare", BOTH, f"data.test_in_train={value}")
        told = prepare["Arguments"]["AppSpecification"]["ContainerArguments"]
        assert told[told.index("--test-in-train") + 1] == value
