"""The gate in the definition, and what it decides when SageMaker's functions are resolved."""

import json

import pytest

from pipeline.definition.expressions import PropertyFile, Scope, resolve
from pipeline.local.engine.conditions import all_hold

pytestmark = pytest.mark.xdist_group("sdk")

TRY = ". What to try: python -m pipeline.report, and docs/better-accuracy.md"
NOT_COMPARED = "gate.champion_tolerance=null"


def measured(path):
    get = {"Get": "Steps.Evaluate.PropertyFiles.Evaluation"}
    return {"Std:JsonGet": {"PropertyFile": get, "Path": path}}


ACCURACY = {
    "Type": "GreaterThanOrEqualTo",
    "LeftValue": measured("multiclass_classification_metrics.accuracy.value"),
    "RightValue": {"Get": "Parameters.AccuracyThreshold"},
}
SHORTFALL = {
    "Type": "LessThanOrEqualTo",
    "LeftValue": measured("champion.shortfall"),
    "RightValue": {"Get": "Parameters.ChampionTolerance"},
}


@pytest.fixture
def scope(tmp_path):
    """`scope(accuracy, shortfall, threshold, tolerance)`: after an Evaluate that found this."""

    def make(accuracy, shortfall, threshold=0.6, tolerance=0.02):
        metrics = {"accuracy": {"value": accuracy}}
        champion = {"shortfall": shortfall, "summary": "the champion (dogs/3) has 0.8"}
        document = {"multiclass_classification_metrics": metrics, "champion": champion}
        (tmp_path / "evaluation.json").write_text(json.dumps(document))
        outputs = [
            {"OutputName": name, "S3Output": {"S3Uri": str(tmp_path)}}
            for name in ("evaluation", "findings")
        ]
        job = {"ProcessingOutputConfig": {"Outputs": outputs}}
        return Scope(
            parameters={"AccuracyThreshold": threshold, "ChampionTolerance": tolerance},
            steps={"Evaluate": job, "CheckTensors": job},
            property_files={
                ("Evaluate", "Evaluation"): PropertyFile("evaluation", "evaluation.json"),
                ("CheckTensors", "Findings"): PropertyFile("findings", "findings.json"),
            },
        )

    return make


def test_the_accuracy_must_reach_the_threshold_and_not_fall_short_of_the_champion(step):
    assert step("Gate")["Arguments"]["Conditions"] == [ACCURACY, SHORTFALL]


def test_without_the_champion_rule_only_the_threshold_counts(step):
    assert step("Gate", NOT_COMPARED)["Arguments"]["Conditions"] == [ACCURACY]


@pytest.mark.parametrize(
    ("numbers", "passes"),  # accuracy, shortfall, threshold, tolerance
    [
        ((0.60, 0.0, 0.6, 0.02), True),  # just at the threshold
        ((0.59, 0.0, 0.6, 0.02), False),  # better than the champion, but below the threshold
        ((0.80, 2 / 100, 0.6, 0.02), True),  # worse by just the tolerance
        ((0.80, 3 / 100, 0.6, 0.02), False),  # worse by more
        ((0.00, 0.0, 0.0, 0.0), True),  # nothing is asked for
    ],
)
def test_what_the_gate_decides(step, scope, numbers, passes):
    assert all_hold(step("Gate")["Arguments"]["Conditions"], scope(*numbers)) is passes


@pytest.mark.parametrize(("threshold", "tolerance"), [(0, 1), (1, 0)])
def test_0_and_1_are_limits_like_any_others(compiled, step, threshold, tolerance):
    limits = (f"gate.accuracy_threshold={threshold}", f"gate.champion_tolerance={tolerance}")
    assert step("Gate", *limits)["Arguments"]["Conditions"] == [ACCURACY, SHORTFALL]
    defaults = {one["Name"]: one.get("DefaultValue") for one in compiled(*limits)["Parameters"]}
    assert defaults["AccuracyThreshold"] == threshold
    assert defaults["ChampionTolerance"] == tolerance


ASKED = "gate.no_issues_from=[Overfit]"
RULES = "debugger.rules=[Overfit, DeadRelu]"


@pytest.mark.parametrize(("issues", "passes"), [(0, True), (1, False)])
def test_rules_that_are_asked_must_have_found_nothing(step, scope, tmp_path, issues, passes):
    conditions = step("Gate", RULES, ASKED)["Arguments"]["Conditions"]
    assert conditions[:2] == [ACCURACY, SHORTFALL]
    alone = step("Gate", RULES, ASKED, NOT_COMPARED)["Arguments"]["Conditions"]
    assert alone == [ACCURACY, *conditions[2:]]
    found = scope(0.8, 0.0)
    document = {"issues_found": issues, "summary": "Overfit IssuesFound: at step 4"}
    (tmp_path / "findings.json").write_text(json.dumps(document))
    assert all_hold(conditions, found) is passes
    message = step("AccuracyTooLow", RULES, ASKED)["Arguments"]["ErrorMessage"]
    words = "; for no issues of debugger rules, and they say: Overfit IssuesFound: at step 4. What"
    assert words in resolve(message, found)


@pytest.mark.parametrize(
    ("mode", "values"),
    [
        (
            "service",
            [
                "s3://dog-breeds-111122223333-us-east-1/debugger",
                {"Get": "Steps.Train.TrainingJobName"},
                "debug-output",
            ],
        ),
        (
            "embedded",
            [
                {"Get": "Steps.Train.OutputDataConfig.S3OutputPath"},
                {"Get": "Steps.Train.TrainingJobName"},
                "output/output.tar.gz",
            ],
        ),
    ],
)
def test_the_tensors_of_the_job_that_really_ran_are_checked(compiled, step, mode, values):
    check = step("CheckTensors", RULES, ASKED, f"debugger.mode={mode}")["Arguments"]
    inputs = {one["InputName"]: one["S3Input"] for one in check["ProcessingInputs"]}
    assert inputs["tensors"]["S3Uri"] == {"Std:Join": {"On": "/", "Values": values}}
    specification = check["AppSpecification"]
    arguments = specification["ContainerArguments"]
    assert arguments[arguments.index("--rules") + 1] == "Overfit"
    assert (
        specification["ImageUri"]
        == step("Train")["Arguments"]["AlgorithmSpecification"]["TrainingImage"]
    )
    usual = compiled(RULES, f"debugger.mode={mode}")["Steps"]
    assert "CheckTensors" not in [one["Name"] for one in usual]


def test_nothing_is_registered_or_deployed_outside_the_gate(compiled, step):
    assert [one["Name"] for one in step("Gate")["Arguments"]["IfSteps"]] == ["Register", "Deploy"]
    jobs = ["Prepare", "ExtractFeatures", "Tune", "Train"]
    assert [one["Name"] for one in compiled()["Steps"]] == [
        *jobs,
        "FindChampion",
        "Evaluate",
        "Gate",
    ]
    names = [one["Name"] for one in compiled(NOT_COMPARED)["Steps"]]
    assert names == [*jobs, "Evaluate", "Gate"]


def test_the_failure_says_all_the_numbers(step, scope):
    message = step("AccuracyTooLow")["Arguments"]["ErrorMessage"]
    assert resolve(message, scope(0.5, 0.3)) == (
        "The gate asks for a test accuracy of 0.6 or more, and it is 0.5; for at most 0.02 less "
        f"than the champion's, and it is 0.3 less: the champion (dogs/3) has 0.8{TRY}"
    )
    message = step("AccuracyTooLow", NOT_COMPARED)["Arguments"]["ErrorMessage"]
    said = "The gate asks for a test accuracy of 0.6 or more, and it is 0.5"
    assert resolve(message, scope(0.5, 0)) == said + TRY


COVERED = "gate.coverage_at={accuracy: 0.95, minimum: 0.7}"


def test_a_share_of_the_pictures_must_be_answered_with_an_accuracy(step):
    asked = {
        "Type": "GreaterThanOrEqualTo",
        "LeftValue": measured("coverage.at.coverage"),
        "RightValue": {"Get": "Parameters.CoverageMinimum"},
    }
    assert step("Gate", COVERED)["Arguments"]["Conditions"] == [ACCURACY, asked, SHORTFALL]
    arguments = step("Evaluate", COVERED)["Arguments"]["AppSpecification"]["ContainerArguments"]
    assert "0.95" in arguments
