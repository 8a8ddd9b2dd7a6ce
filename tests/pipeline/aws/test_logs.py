"""The log tail of whatever failed, or one line on why there is none."""

from typing import Any

import pytest

from pipeline.aws.logs import LogTail, log_tail
from tests.pipeline.aws.aws_support import ACCOUNT, LOST, NOW, REGION, Clock, Cloud

PROCESSING = "/aws/sagemaker/ProcessingJobs"
TRAINING = "/aws/sagemaker/TrainingJobs"
MILLISECONDS = int(NOW.timestamp() * 1000)


def arn(kind: str, name: str) -> str:
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name}"


def failed(kind: str, job_arn: str, **more: Any) -> dict[str, Any]:
    return {
        "StepName": "Step",
        "StepStatus": "Failed",
        "Metadata": {kind: {"Arn": job_arn}},
        **more,
    }


PREPARE = failed("ProcessingJob", arn("processing-job", "prepare-1"))


def expect_streams(cloud: Cloud, group: str, prefix: str, *streams: str) -> None:
    request = {"logGroupName": group, "logStreamNamePrefix": prefix, "limit": 10}
    answer = {"logStreams": [{"logStreamName": stream} for stream in streams]}
    cloud.expect("logs", "describe_log_streams", answer, request)


def expect_events(
    cloud: Cloud, group: str, stream: str, *events: tuple[int, str], **more: Any
) -> None:
    request = {
        "logGroupName": group,
        "logStreamName": stream,
        "limit": 20,
        "startFromHead": False,
        **more.pop("request", {}),
    }
    found = [{"timestamp": at, "message": text} for at, text in events]
    answer = {"events": found, "nextBackwardToken": more.get("back", "b/1")}
    cloud.expect("logs", "get_log_events", answer, request)


def test_a_processing_jobs_log_is_found_by_its_name(cloud: Cloud, clock: Clock) -> None:
    expect_streams(cloud, PROCESSING, "prepare-1/", "prepare-1/algo-1-163")
    expect_events(cloud, PROCESSING, "prepare-1/algo-1-163", (1, "reading"), (2, "error: empty"))
    tail = log_tail(cloud.aws, PREPARE, clock.timing())
    command = f"aws logs tail {PROCESSING} --log-stream-name-prefix prepare-1/ --since 1d"
    assert tail == LogTail(("reading", "error: empty"), None, f"{command} --region {REGION}")
    assert clock.slept == []


def test_of_several_machines_the_last_lines_are_merged_by_time(cloud: Cloud, clock: Clock) -> None:
    step = failed("TrainingJob", arn("training-job", "train-1"))
    expect_streams(cloud, TRAINING, "train-1/", "train-1/algo-1-163", "train-1/algo-2-163")
    expect_events(cloud, TRAINING, "train-1/algo-1-163", *((i, f"a{i}") for i in range(0, 40, 2)))
    expect_events(cloud, TRAINING, "train-1/algo-2-163", *((i, f"b{i}") for i in range(1, 41, 2)))
    tail = log_tail(cloud.aws, step, clock.timing())
    assert tail is not None
    assert len(tail.lines) == 20
    assert tail.lines[-2:] == ("[algo-1] a38", "[algo-2] b39")


def test_an_empty_page_is_not_the_end(cloud: Cloud, clock: Clock) -> None:
    expect_streams(cloud, PROCESSING, "prepare-1/", "s")
    expect_events(cloud, PROCESSING, "s", back="b/1")
    expect_events(cloud, PROCESSING, "s", back="b/2", request={"nextToken": "b/1"})
    expect_events(cloud, PROCESSING, "s", (1, "here"), request={"nextToken": "b/2"})
    tail = log_tail(cloud.aws, PREPARE, clock.timing())
    assert tail is not None
    assert tail.lines == ("here",)


def test_lines_that_arrive_late_are_awaited(cloud: Cloud, clock: Clock) -> None:
    cloud.refuse("logs", "describe_log_streams", "ResourceNotFoundException")
    expect_streams(cloud, PROCESSING, "prepare-1/")
    expect_streams(cloud, PROCESSING, "prepare-1/", "s")
    expect_events(cloud, PROCESSING, "s", (1, "late"))
    tail = log_tail(cloud.aws, PREPARE, clock.timing())
    assert tail is not None
    assert (tail.lines, clock.slept) == (("late",), [5, 10])


def test_a_job_that_never_wrote_says_so(cloud: Cloud, clock: Clock) -> None:
    for _ in range(3):
        expect_streams(cloud, PROCESSING, "prepare-1/", "s")
        expect_events(cloud, PROCESSING, "s", back="b/1")
        expect_events(cloud, PROCESSING, "s", back="b/1", request={"nextToken": "b/1"})
    tail = log_tail(cloud.aws, PREPARE, clock.timing())
    assert tail is not None
    assert tail.note == "its log is empty: it ended before its code began"


def test_a_log_that_may_not_be_read_says_so(cloud: Cloud, clock: Clock) -> None:
    cloud.refuse("logs", "describe_log_streams", "AccessDeniedException", "logs:DescribeLogStreams")
    tail = log_tail(cloud.aws, PREPARE, clock.timing())
    assert tail is not None
    assert tail.note == ("its log may not be read with these credentials: logs:DescribeLogStreams")
    assert tail.command is not None


def test_a_lost_connection_is_a_note_and_no_error(cloud: Cloud, clock: Clock) -> None:
    cloud.lose("logs", "describe_log_streams", LOST)
    tail = log_tail(cloud.aws, PREPARE, clock.timing())
    assert tail is not None
    assert (tail.note or "").startswith("its log cannot be read: Could not connect")


def trials(*names: str) -> dict[str, Any]:
    return {
        "TrainingJobSummaries": [
            {
                "TrainingJobName": name,
                "TrainingJobArn": arn("training-job", name),
                "CreationTime": NOW,
                "TrainingJobStatus": "Failed",
                "TunedHyperParameters": {},
                "FailureReason": "AlgorithmError: exit code 1",
            }
            for name in names
        ]
    }


def expect_trials(cloud: Cloud, *names: str) -> None:
    request = {
        "HyperParameterTuningJobName": "tune-1",
        "StatusEquals": "Failed",
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
        "MaxResults": 1,
    }
    operation = "list_training_jobs_for_hyper_parameter_tuning_job"
    cloud.expect("sagemaker", operation, trials(*names), request)


TUNE = failed("TuningJob", arn("hyper-parameter-tuning-job", "tune-1"))


def test_of_a_tuning_job_it_is_the_log_of_a_trial_that_failed(cloud: Cloud, clock: Clock) -> None:
    expect_trials(cloud, "tune-1-004")
    expect_streams(cloud, TRAINING, "tune-1-004/", "s")
    expect_events(cloud, TRAINING, "s", (1, "loss is nan"))
    tail = log_tail(cloud.aws, TUNE, clock.timing())
    assert tail is not None
    assert tail.note == "trial tune-1-004: AlgorithmError: exit code 1"
    assert tail.lines == ("loss is nan",)


def test_a_tuning_job_without_a_failed_trial_has_no_log(cloud: Cloud, clock: Clock) -> None:
    expect_trials(cloud)
    assert log_tail(cloud.aws, TUNE, clock.timing()) is None


def test_of_a_lambda_it_is_the_newest_stream_in_the_steps_time(cloud: Cloud, clock: Clock) -> None:
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:dog-breeds-deploy-endpoint"
    step = failed("Lambda", function, StartTime=NOW, EndTime=NOW)
    group = "/aws/lambda/dog-breeds-deploy-endpoint"
    request = {"logGroupName": group, "orderBy": "LastEventTime", "descending": True, "limit": 1}
    stream = "2026/11/21/[$LATEST]abc"
    cloud.expect(
        "logs", "describe_log_streams", {"logStreams": [{"logStreamName": stream}]}, request
    )
    period = {"startTime": MILLISECONDS - 60_000, "endTime": MILLISECONDS + 60_000}
    expect_events(cloud, group, stream, (1, "DeployError: busy\n"), request=period)
    tail = log_tail(cloud.aws, step, clock.timing())
    assert tail is not None
    assert tail.lines == ("DeployError: busy",)
    assert tail.command == f"aws logs tail {group} --since 1d --region {REGION}"


@pytest.mark.parametrize(
    "metadata", [{}, {"Fail": {"ErrorMessage": "low"}}, {"Model": {"Arn": "arn:model/x"}}]
)
def test_steps_without_a_log_have_none(
    cloud: Cloud, clock: Clock, metadata: dict[str, Any]
) -> None:
    assert log_tail(cloud.aws, {"StepName": "S", "Metadata": metadata}, clock.timing()) is None


def test_what_a_job_prints_cannot_move_the_cursor(cloud: Cloud, clock: Clock) -> None:
    expect_streams(cloud, PROCESSING, "prepare-1/", "s")
    expect_events(cloud, PROCESSING, "s", (1, "\x1b[2J\x1b[31mred\rover\ttab  \n"))
    tail = log_tail(cloud.aws, PREPARE, clock.timing())
    assert tail is not None
    assert tail.lines == ("[2J[31mredover    tab",)
