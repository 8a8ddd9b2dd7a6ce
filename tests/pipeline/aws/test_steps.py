"""What SageMaker lists becomes what people see, the same as for a local run."""

from datetime import timedelta
from typing import Any

import pytest

from pipeline.aws.details import Details
from pipeline.aws.steps import Detail, job_of, progress_of, waiting_steps
from pipeline.command_line.step_table import StepProgress
from pipeline.definition.steps import written_steps
from tests.pipeline.aws.aws_support import LOST, NOW, Cloud

DEFINITION = {
    "Steps": [
        {"Name": "Prepare", "Type": "Processing"},
        {"Name": "Tune", "Type": "Tuning"},
        {
            "Name": "Gate",
            "Type": "Condition",
            "Arguments": {
                "Conditions": [],
                "IfSteps": [
                    {"Name": "Register", "Type": "RegisterModel"},
                    {
                        "Name": "Inner",
                        "Type": "Condition",
                        "Arguments": {"IfSteps": [{"Name": "Deploy", "Type": "Lambda"}]},
                    },
                ],
                "ElseSteps": [{"Name": "AccuracyTooLow", "Type": "Fail"}],
            },
        },
    ]
}
TUNING = "arn:aws:sagemaker:us-east-1:123456789012:hyper-parameter-tuning-job/tune-1"
TRAINING = "arn:aws:sagemaker:us-east-1:123456789012:training-job/train-1"


def summary(name: str, status: str = "Executing", **more: Any) -> dict[str, Any]:
    return {"StepName": name, "StepStatus": status, "StartTime": NOW, **more}


def states(*summaries: dict[str, Any]) -> dict[str, str]:
    steps = progress_of(written_steps(DEFINITION), summaries, {})
    return {step.name: step.status for step in steps}


def test_before_anything_has_begun_all_steps_wait_in_order() -> None:
    steps = waiting_steps(DEFINITION)
    names = ["Prepare", "Tune", "Gate", "Register", "Inner", "Deploy", "AccuracyTooLow"]
    assert [step.name for step in steps] == names
    assert {step.status for step in steps} == {"Waiting"}
    assert steps[-1].type == "Fail"
    assert [step.name for step in progress_of(written_steps(DEFINITION), [], {})] == names


def test_a_step_shows_its_times_and_whether_it_came_from_the_cache() -> None:
    end = NOW + timedelta(seconds=9)
    hit = {"SourcePipelineExecutionArn": "arn"}
    (shown, *_) = progress_of(
        written_steps(DEFINITION),
        [summary("Prepare", "Succeeded", EndTime=end, CacheHitResult=hit)],
        {"Prepare": Detail("best 0.9", 2, 6)},
    )
    assert shown == StepProgress(
        "Prepare", "Processing", "Succeeded", NOW, end, "best 0.9", 2, 6, cached=True
    )


def test_a_step_that_was_not_to_run_shows_whose_results_it_has() -> None:
    source = {"SourcePipelineExecutionArn": "arn:aws:sagemaker:::pipeline/p/execution/before"}
    selected = [{"StepName": name} for name in ("Tune", "Gate", "Register")]
    steps = progress_of(
        written_steps(DEFINITION),
        [summary("Prepare", "Succeeded", SelectiveExecutionResult=source)],
        {},
        {"SelectiveExecutionConfig": {"SelectedSteps": selected}},
    )
    shown = {step.name: (step.status, step.taken_from) for step in steps}
    assert shown["Prepare"] == ("Succeeded", "before")
    assert (shown["Tune"], shown["Inner"]) == (("Waiting", None), ("Skipped", None))


def test_the_side_not_taken_is_skipped_and_the_other_waits() -> None:
    gate = summary("Gate", "Succeeded", Metadata={"Condition": {"Outcome": "True"}})
    after = states(gate)
    assert after["AccuracyTooLow"] == "Skipped"
    assert (after["Register"], after["Deploy"]) == ("Waiting", "Waiting")


def test_what_is_inside_a_skipped_condition_is_skipped_too() -> None:
    gate = summary("Gate", "Succeeded", Metadata={"Condition": {"Outcome": "False"}})
    after = states(gate, summary("AccuracyTooLow", "Failed"))
    assert {after[name] for name in ("Register", "Inner", "Deploy")} == {"Skipped"}
    assert after["AccuracyTooLow"] == "Failed"


def test_while_the_condition_is_not_decided_both_sides_wait() -> None:
    after = states(summary("Gate"))
    assert (after["Register"], after["AccuracyTooLow"]) == ("Waiting", "Waiting")


def test_a_step_that_was_tried_again_counts_as_it_is_now() -> None:
    assert states(summary("Tune", "Failed"), summary("Tune", "Executing"))["Tune"] == "Executing"


def test_a_step_that_the_definition_does_not_name_is_shown_last() -> None:
    steps = progress_of(
        written_steps(DEFINITION), [summary("Extra", Metadata={"TransformJob": {"Arn": "a"}})], {}
    )
    assert (steps[-1].name, steps[-1].type) == ("Extra", "Transform")


def test_a_fail_step_shows_its_message() -> None:
    failed = summary("AccuracyTooLow", "Failed", Metadata={"Fail": {"ErrorMessage": "too low"}})
    assert progress_of(written_steps(DEFINITION), [failed], {})[-1].message == "too low"


@pytest.mark.parametrize(
    ("metadata", "job"),
    [
        ({"TrainingJob": {"Arn": TRAINING}}, ("TrainingJob", TRAINING)),
        ({"Condition": {"Outcome": "True"}}, None),
        ({}, None),
    ],
)
def test_the_job_of_a_step(metadata: dict[str, Any], job: Any) -> None:
    assert job_of({"Metadata": metadata}) == job


def tuning(**counts: int) -> dict[str, Any]:
    """The least of DescribeHyperParameterTuningJob's answer that its shape allows."""
    return {
        "HyperParameterTuningJobName": "tune-1",
        "HyperParameterTuningJobArn": TUNING,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 6, "MaxParallelTrainingJobs": 2},
        },
        "HyperParameterTuningJobStatus": "InProgress",
        "CreationTime": NOW,
        "TrainingJobStatusCounters": counts,
        "ObjectiveStatusCounters": {},
        "BestTrainingJob": {
            "TrainingJobName": "t",
            "TrainingJobArn": TRAINING,
            "CreationTime": NOW,
            "TrainingJobStatus": "Completed",
            "TunedHyperParameters": {},
            "FinalHyperParameterTuningJobObjectiveMetric": {"MetricName": "m", "Value": 0.8125},
        },
    }


def training(*metrics: tuple[str, float, int]) -> dict[str, Any]:
    """(name, value, seconds after the start) as DescribeTrainingJob's answer."""
    return {
        "TrainingJobName": "train-1",
        "TrainingJobArn": TRAINING,
        "ModelArtifacts": {"S3ModelArtifacts": "s3://b/m"},
        "TrainingJobStatus": "InProgress",
        "SecondaryStatus": "Training",
        "ResourceConfig": {"VolumeSizeInGB": 1},
        "StoppingCondition": {},
        "CreationTime": NOW,
        "FinalMetricDataList": [
            {"MetricName": name, "Value": value, "Timestamp": NOW + timedelta(seconds=at)}
            for name, value, at in metrics
        ],
    }


RUNNING_TUNE = summary("Tune", Metadata={"TuningJob": {"Arn": TUNING}})
RUNNING_TRAIN = summary("Train", Metadata={"TrainingJob": {"Arn": TRAINING}})


def test_a_tuning_step_counts_its_trials_and_shows_the_best(cloud: Cloud) -> None:
    cloud.expect(
        "sagemaker",
        "describe_hyper_parameter_tuning_job",
        tuning(Completed=2, InProgress=2, Stopped=1, RetryableError=1, NonRetryableError=1),
        {"HyperParameterTuningJobName": "tune-1"},
    )
    details = Details(cloud.aws).of([RUNNING_TUNE])
    assert details == {"Tune": Detail("best 0.8125", 4, 6)}


def test_of_jobs_that_search_several_settings_the_settings_are_counted(cloud: Cloud) -> None:
    told = {"settings": "lr:0.1:0.2:0.3", "searched": "Random,3,2,lr:continuous:0.1:0.3:Auto"}
    answer = tuning(Completed=1)
    answer["TrainingJobDefinition"] = {
        "StaticHyperParameters": told,
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::123456789012:role/jobs",
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/runs"},
        "StoppingCondition": {},
    }
    del answer["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"]
    cloud.expect("sagemaker", "describe_hyper_parameter_tuning_job", answer)
    jobs = [
        {**answer["BestTrainingJob"], "TunedHyperParameters": {"part": "1-2"}},
        {
            **answer["BestTrainingJob"],
            "TunedHyperParameters": {"part": "3-3"},
            "TrainingJobStatus": "InProgress",
        },
    ]
    cloud.expect(
        "sagemaker",
        "list_training_jobs_for_hyper_parameter_tuning_job",
        {"TrainingJobSummaries": jobs},
    )
    assert Details(cloud.aws).of([RUNNING_TUNE]) == {"Tune": Detail("best 0.8125", 2, 3)}


def test_a_training_step_shows_the_newest_metric_that_says_most(cloud: Cloud) -> None:
    metrics = (
        ("valid:accuracy", 0.5, 1),
        ("train:loss", 0.1, 2),
        ("valid:accuracy", 0.75, 2),
        ("valid:loss", 0.2, 2),
    )
    cloud.expect(
        "sagemaker", "describe_training_job", training(*metrics), {"TrainingJobName": "train-1"}
    )
    assert Details(cloud.aws).of([RUNNING_TRAIN]) == {"Train": Detail("valid:accuracy 0.75")}


def test_a_job_without_metrics_yet_shows_none(cloud: Cloud) -> None:
    cloud.expect("sagemaker", "describe_training_job", training())
    assert Details(cloud.aws).of([RUNNING_TRAIN]) == {"Train": Detail()}


def test_a_step_that_has_ended_is_asked_for_once_more_and_kept(cloud: Cloud) -> None:
    cloud.expect("sagemaker", "describe_training_job", training(("valid:accuracy", 0.5, 1)))
    cloud.expect("sagemaker", "describe_training_job", training(("valid:accuracy", 0.9, 2)))
    details = Details(cloud.aws)
    ended = {**RUNNING_TRAIN, "StepStatus": "Succeeded"}
    details.of([RUNNING_TRAIN])
    for _ in range(3):
        assert details.of([ended]) == {"Train": Detail("valid:accuracy 0.9")}


@pytest.mark.parametrize("throttled", [True, False])
def test_details_that_cannot_be_had_are_left_as_they_were(cloud: Cloud, throttled: bool) -> None:
    cloud.expect("sagemaker", "describe_training_job", training(("valid:accuracy", 0.5, 1)))
    if throttled:
        cloud.refuse("sagemaker", "describe_training_job", "ThrottlingException")
    else:
        cloud.lose("sagemaker", "describe_training_job", LOST)
    cloud.expect("sagemaker", "describe_training_job", training(("valid:accuracy", 0.9, 1)))
    details = Details(cloud.aws)
    shown = [details.of([RUNNING_TRAIN])["Train"].metric for _ in range(3)]
    assert shown == ["valid:accuracy 0.5", "valid:accuracy 0.5", "valid:accuracy 0.9"]


def test_details_that_may_not_be_asked_for_end_nothing(cloud: Cloud) -> None:
    cloud.refuse("sagemaker", "describe_training_job", "AccessDeniedException")
    ended = {**RUNNING_TRAIN, "StepStatus": "Succeeded"}
    details = Details(cloud.aws)
    assert details.of([ended]) == {}
    assert details.of([ended]) == {}
