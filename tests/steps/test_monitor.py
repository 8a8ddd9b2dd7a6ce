"""The monitoring pipeline: one job over what production was asked about, if anything."""

from collections.abc import Callable

import pytest

from pipeline.assets.code_bundle import bundles_of, monitoring_bundles_of
from pipeline.check import check_definition
from pipeline.settings.loading import load_settings
from pipeline.settings.model import Settings
from tests.steps.conftest import FIXED, ROOT, Definition

pytestmark = pytest.mark.xdist_group("sdk")

ON = "monitor.enabled=true"
BUCKET = "s3://dog-breeds-111122223333-us-east-1"


def settings_with(*overrides: str) -> Settings:
    return load_settings(ROOT / "pipeline.yaml", "local", [*FIXED, *overrides])


@pytest.fixture(scope="module")
def monitoring(monitoring_of: Callable[[Settings], Definition]) -> Definition:
    return monitoring_of(settings_with(ON, "monitor.max_pictures=200"))


@pytest.fixture(scope="module")
def job(monitoring: Definition) -> Definition:
    ((one,),) = [step["Arguments"]["IfSteps"] for step in monitoring["Steps"][1:]]
    return one


def test_the_check_finds_nothing_wrong_with_it(monitoring: Definition) -> None:
    assert list(check_definition(monitoring)) == []


def test_production_is_looked_at_only_where_something_is_approved_and_was_captured(
    monitoring: Definition,
) -> None:
    champion, gate = monitoring["Steps"]
    assert champion["Arguments"]["captured_uri"] == f"{BUCKET}/capture/dog-breeds-production/"
    approved, captured = gate["Arguments"]["Conditions"]
    assert approved["Type"] == "Not"
    assert approved["Condition"]["RightValue"] == "none"
    assert (captured["Type"], captured["RightValue"]) == ("Equals", "true")
    assert captured["LeftValue"] == {"Get": "Steps.FindChampion.OutputParameters['captured']"}
    assert gate["Arguments"]["ElseSteps"] == []


def test_the_job_gets_the_model_of_production_and_what_was_captured(job: Definition) -> None:
    inputs = {one["InputName"]: one["S3Input"] for one in job["Arguments"]["ProcessingInputs"]}
    assert inputs["model"]["S3Uri"] == {"Get": "Steps.FindChampion.OutputParameters['model_data']"}
    assert inputs["captured"]["S3Uri"] == f"{BUCKET}/capture/dog-breeds-production/"
    told = job["Arguments"]["AppSpecification"]["ContainerArguments"]
    options = dict(zip(told[::2], told[1::2], strict=True))
    assert options["--pictures"] == "200"
    assert options["--metrics-of"] == "dog-breeds-production"


def test_it_runs_in_the_serving_image_under_a_role_of_its_own_and_is_never_cached(
    job: Definition,
) -> None:
    arguments = job["Arguments"]
    assert "/dog-breeds-serving:" in arguments["AppSpecification"]["ImageUri"]
    assert arguments["RoleArn"] == "arn:aws:iam::111122223333:role/dog-breeds-monitor"
    assert job["CacheConfig"]["Enabled"] is False
    (output,) = arguments["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"]["S3Uri"]["Std:Join"]["Values"][0] == f"{BUCKET}/monitoring"


def test_the_first_pipeline_is_the_same_with_it_and_without(
    compiled: Callable[..., Definition],
) -> None:
    assert compiled(ON) == compiled()


def test_its_code_is_there_only_when_it_is_on() -> None:
    assert "monitor.py" in monitoring_bundles_of(settings_with(ON), ROOT)
    assert not monitoring_bundles_of(settings_with(), ROOT)
    assert bundles_of(settings_with(ON), ROOT) == bundles_of(settings_with(), ROOT)


def test_without_a_comparison_it_still_asks_which_version_production_runs(
    monitoring_of: Callable[[Settings], Definition],
) -> None:
    settings = settings_with(ON, "gate.champion_tolerance=null")
    assert settings.champion_lambda_name in settings.lambda_names
    assert monitoring_of(settings)["Steps"][0]["FunctionArn"] == settings.champion_lambda_arn
