"""A watch lasts as long as the execution, outlives what is wrong on the way, and says why."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from pipeline.aws.errors import AwsAccessError, AwsError
from pipeline.aws.logs import LogTail
from pipeline.aws.watch import FailedStep, Outcome, definition_of, watch
from pipeline.command_line.step_table import StepProgress
from tests.pipeline.aws.aws_support import ACCOUNT, EXECUTION, LOST, NOW, REGION, Clock, Cloud

DEFINITION: dict[str, Any] = {
    "Steps": [{"Name": "Prepare", "Type": "Processing"}, {"Name": "Train", "Type": "Training"}]
}
PREPARE_JOB = {"ProcessingJob": {"Arn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:processing-job/p1"}}


def step(name: str, status: str, **more: Any) -> dict[str, Any]:
    return {"StepName": name, "StepStatus": status, "StartTime": NOW, **more}


class Watched:
    """An execution on a played-back AWS, and what was shown and said of it."""

    def __init__(self, cloud: Cloud, clock: Clock) -> None:
        self.cloud, self.clock = cloud, clock
        self.shown: list[StepProgress] = []
        self.said: list[str] = []

    def expect(self, status: str, *steps: dict[str, Any], **more: Any) -> None:
        """One look: the execution first, then its steps."""
        self.expect_execution(status, **more)
        answer = {"PipelineExecutionSteps": list(steps)}
        request = {"PipelineExecutionArn": EXECUTION, "SortOrder": "Ascending"}
        self.cloud.expect("sagemaker", "list_pipeline_execution_steps", answer, request)

    def expect_execution(self, status: str, **more: Any) -> None:
        answer = {"PipelineExecutionArn": EXECUTION, "PipelineExecutionStatus": status, **more}
        request = {"PipelineExecutionArn": EXECUTION}
        self.cloud.expect("sagemaker", "describe_pipeline_execution", answer, request)

    def run(self, show: Callable[[StepProgress], None] | None = None) -> Outcome:
        return watch(
            self.cloud.aws,
            EXECUTION,
            DEFINITION,
            show or self.shown.append,
            timing=self.clock.timing(),
            say=self.said.append,
        )

    def states(self) -> list[tuple[str, str]]:
        return [(one.name, one.status) for one in self.shown]


@pytest.fixture
def watched(cloud: Cloud, clock: Clock) -> Watched:
    return Watched(cloud, clock)


def test_every_change_is_shown_once_until_it_has_succeeded(watched: Watched) -> None:
    watched.expect("Executing")
    watched.expect("Executing", step("Prepare", "Executing"))
    watched.expect("Executing", step("Prepare", "Executing"))
    watched.expect("Succeeded", step("Prepare", "Succeeded"), step("Train", "Succeeded"))
    outcome = watched.run()
    assert (outcome.status, outcome.exit_code) == ("Succeeded", 0)
    assert outcome.summary() == f"succeeded: {EXECUTION}"
    assert watched.states() == [
        ("Prepare", "Waiting"),
        ("Train", "Waiting"),
        ("Prepare", "Executing"),
        ("Prepare", "Succeeded"),
        ("Train", "Succeeded"),
    ]
    assert watched.said == []


def test_it_asks_less_often_while_nothing_changes_and_more_often_after(watched: Watched) -> None:
    for _ in range(12):
        watched.expect("Executing")
    watched.expect("Executing", step("Prepare", "Executing"))
    watched.expect("Succeeded", step("Prepare", "Succeeded"))
    watched.run()
    slept = watched.clock.slept
    assert slept[:12] == sorted(slept[:12])
    assert (slept[0], max(slept), slept[12]) == (5, 30, 5)


def test_there_is_no_limit_of_half_an_hour(watched: Watched) -> None:
    for _ in range(200):
        watched.expect("Executing")
    watched.expect("Succeeded")
    assert watched.run().exit_code == 0
    assert sum(watched.clock.slept) > 5000


def test_steps_come_in_pages(watched: Watched) -> None:
    watched.expect_execution("Succeeded")
    request = {"PipelineExecutionArn": EXECUTION, "SortOrder": "Ascending"}
    operation = "list_pipeline_execution_steps"
    first = {"PipelineExecutionSteps": [step("Prepare", "Succeeded")], "NextToken": "more"}
    second = {"PipelineExecutionSteps": [step("Train", "Succeeded")]}
    watched.cloud.expect("sagemaker", operation, first, request)
    watched.cloud.expect("sagemaker", operation, second, {**request, "NextToken": "more"})
    watched.run()
    assert watched.states() == [("Prepare", "Succeeded"), ("Train", "Succeeded")]


def test_throttling_and_lost_connections_are_waited_out_and_said_once(watched: Watched) -> None:
    watched.expect("Executing")
    watched.cloud.refuse("sagemaker", "describe_pipeline_execution", "ThrottlingException")
    for _ in range(8):
        watched.cloud.lose("sagemaker", "describe_pipeline_execution", LOST)
    watched.expect_execution("Executing")
    timeout = ReadTimeoutError(endpoint_url="https://x")
    watched.cloud.lose("sagemaker", "list_pipeline_execution_steps", timeout)
    watched.cloud.refuse(
        "sagemaker", "describe_pipeline_execution", "InternalFailure", "oops", status=500
    )
    watched.expect("Succeeded")
    assert watched.run().exit_code == 0
    assert watched.said == ["AWS cannot be asked just now (no): trying again", "AWS answers again"]
    outage = watched.clock.slept[1:]
    assert outage == sorted(outage)
    assert (outage[0], outage[-1]) == (5, 300)


def test_a_second_outage_is_said_again(watched: Watched) -> None:
    for _ in range(2):
        watched.cloud.lose("sagemaker", "describe_pipeline_execution", LOST)
        watched.expect("Executing")
    watched.expect("Succeeded")
    watched.run()
    assert [line.split(" (")[0] for line in watched.said] == [
        "AWS cannot be asked just now",
        "AWS answers again",
    ] * 2


def test_credentials_that_expire_end_the_watch_and_not_the_execution(watched: Watched) -> None:
    watched.expect("Executing")
    watched.cloud.refuse("sagemaker", "describe_pipeline_execution", "ExpiredTokenException")
    with pytest.raises(AwsAccessError, match=f"have expired: .*it goes on: {EXECUTION}"):
        watched.run()


def test_an_execution_that_is_not_there_is_an_error(watched: Watched) -> None:
    watched.cloud.refuse("sagemaker", "describe_pipeline_execution", "ResourceNotFound", "no such")
    with pytest.raises(AwsError, match="ResourceNotFound: no such"):
        watched.run()


def expect_log(watched: Watched, *lines: str) -> None:
    streams = {"logStreams": [{"logStreamName": "p1/algo-1-1"}]}
    watched.cloud.expect("logs", "describe_log_streams", streams)
    events = [{"timestamp": at, "message": line} for at, line in enumerate(lines)]
    watched.cloud.expect("logs", "get_log_events", {"events": events})


def test_a_failure_shows_its_reasons_and_the_end_of_the_log(watched: Watched) -> None:
    failed = step(
        "Prepare", "Failed", FailureReason="ClientError: no pictures", Metadata=PREPARE_JOB
    )
    watched.expect("Failed", failed, FailureReason="Step failure: One or multiple steps failed.")
    expect_log(watched, "reading 0 files", "error: no pictures")
    outcome = watched.run()
    assert outcome.exit_code == 1
    assert outcome.summary().splitlines() == [
        f"failed: {EXECUTION}",
        "step Prepare failed: ClientError: no pictures",
        "  | reading 0 files",
        "  | error: no pictures",
        "  whole log: aws logs tail /aws/sagemaker/ProcessingJobs "
        f"--log-stream-name-prefix p1/ --since 1d --region {REGION}",
        "reason: Step failure: One or multiple steps failed.",
    ]


def test_a_failure_whose_log_may_not_be_read_says_that(watched: Watched) -> None:
    failed = step("Prepare", "Failed", FailureReason="ClientError", Metadata=PREPARE_JOB)
    watched.expect("Failed", failed)
    watched.cloud.refuse("logs", "describe_log_streams", "AccessDeniedException", "logs:Describe")
    outcome = watched.run()
    assert outcome.exit_code == 1
    assert "  its log may not be read with these credentials: logs:Describe" in outcome.summary()


def test_a_gate_that_refuses_shows_both_numbers_and_no_log(watched: Watched) -> None:
    fail = {"Fail": {"ErrorMessage": "Test accuracy 0.5 is below the threshold 0.6"}}
    watched.expect("Failed", step("AccuracyTooLow", "Failed", Metadata=fail))
    outcome = watched.run()
    assert "step AccuracyTooLow failed: Test accuracy 0.5 is below" in outcome.summary()


def test_a_failure_before_any_step_shows_the_executions_reason(watched: Watched) -> None:
    watched.expect("Failed", FailureReason="Unable to assume the role")
    assert "reason: Unable to assume the role" in watched.run().summary()


def test_a_step_that_failed_once_and_then_succeeded_is_not_blamed(watched: Watched) -> None:
    watched.expect("Failed", step("Prepare", "Failed"), step("Prepare", "Succeeded"))
    assert watched.run().failed == ()


def test_a_stopped_execution_ends_with_its_own_code(watched: Watched) -> None:
    watched.expect("Stopping", step("Prepare", "Stopping"))
    watched.expect("Stopped", step("Prepare", "Stopped"))
    outcome = watched.run()
    assert (outcome.status, outcome.exit_code) == ("Stopped", 3)
    assert watched.states()[-1] == ("Prepare", "Stopped")


def test_ctrl_c_leaves_it_running_and_says_how_to_go_on(watched: Watched) -> None:
    watched.expect("Executing")

    def interrupt(_: StepProgress) -> None:
        raise KeyboardInterrupt

    outcome = watched.run(show=interrupt)
    assert outcome.exit_code == 3
    lines = outcome.summary("python -m pipeline.run --watch X").splitlines()
    assert lines[0] == f"no longer watching; still running: {EXECUTION}"
    assert lines[1].endswith("python -m pipeline.run --watch X")
    assert f"python -m pipeline.run --stop {EXECUTION} --region us-east-1" in lines[2]
    assert "describe-pipeline-execution" in outcome.summary()


def test_ctrl_c_while_the_log_is_awaited_keeps_the_failure(watched: Watched) -> None:
    failed = step("Prepare", "Failed", FailureReason="no pictures", Metadata=PREPARE_JOB)
    watched.expect("Failed", failed)
    watched.cloud.lose("logs", "describe_log_streams", KeyboardInterrupt())
    outcome = watched.run()
    assert outcome.exit_code == 1
    assert "step Prepare failed: no pictures\n  its log was not awaited" in outcome.summary()


def test_the_outcome_for_programs_holds_everything() -> None:
    failed = FailedStep("Train", "nan", LogTail(("a", "b"), None, "aws logs tail"))
    outcome = Outcome(EXECUTION, REGION, "Failed", "because", (failed,))
    assert json.loads(outcome.to_json()) == {
        "arn": EXECUTION,
        "region": REGION,
        "status": "Failed",
        "reason": "because",
        "failed": [
            {
                "name": "Train",
                "reason": "nan",
                "log": {"lines": ["a", "b"], "note": None, "command": "aws logs tail"},
            }
        ],
        "exit_code": 1,
    }


def test_the_definition_is_that_of_the_execution(cloud: Cloud, clock: Clock) -> None:
    operation = "describe_pipeline_definition_for_execution"
    cloud.lose("sagemaker", operation, LOST)
    answer = {"PipelineDefinition": json.dumps(DEFINITION)}
    cloud.expect("sagemaker", operation, answer, {"PipelineExecutionArn": EXECUTION})
    said: list[str] = []
    found = definition_of(cloud.aws, EXECUTION, timing=clock.timing(), say=said.append)
    assert found == DEFINITION
    assert len(said) == 2
