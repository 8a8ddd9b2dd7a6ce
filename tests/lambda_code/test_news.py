"""People are told what happened, why and how to go on, in a subject and a text they can read."""

import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from botocore.stub import Stubber

from deploy_endpoint import handle
from deployment_errors import DeployError
from news import of_rollback
from production_endpoint import Clients
from telling import News, teller
from tests.lambda_code.deploy_support import (
    ENVIRONMENT,
    GROUP,
    PREFIX,
    PRODUCTION,
    World,
    no_scaling,
    run,
)
from tests.lambda_code.production_support import MOMENT

RUN = f"{PREFIX}:pipeline/dogs/execution/abcdefghijkl"
CHECK = f"{PREFIX}:pipeline/dogs--monitor/execution/abcdefghijkl"
PACKAGE = f"{PREFIX}:model-package/{GROUP}/3"
REPORT = "s3://b/runs/abcdefghijkl/report/report.html"
TOPIC, OTHER = (f"arn:aws:sns:us-east-1:111122223333:{name}" for name in ("ours", "theirs"))
SUMMARY = "the champion (dogs/2) has 0.9000 on the same pictures (+0.0120; p = 0.2)"
EVALUATION = {
    "multiclass_classification_metrics": {"accuracy": {"value": 0.912}},
    "dataset": {"item_count": 840},
    "champion": {"summary": SUMMARY},
}


class Aws:
    """SageMaker, S3 and SNS as stubs; what people were told."""

    def __init__(self) -> None:
        access = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
        self.made = {
            name: boto3.client(name, "us-east-1", **access) for name in ("sagemaker", "s3", "sns")
        }
        self.stubs = {name: Stubber(client) for name, client in self.made.items()}
        self.told: list[News] = []
        for stub in self.stubs.values():
            stub.activate()

    def handle(self, event: dict[str, Any]) -> dict[str, str]:
        clients = Clients(
            self.made["sagemaker"],
            no_scaling,
            objects=lambda: self.made["s3"],
            tell=self.told.append,
        )
        return handle(event, {**ENVIRONMENT, "MODELS": "s3://b/models"}, clients)

    def expect_run(self, arn: str, *pages: list[dict[str, Any]], reason: str = "") -> None:
        described = {"PipelineExecutionArn": arn, "PipelineExecutionDisplayName": "20261121-0347"}
        said = {"FailureReason": reason} if reason else {}
        self.stubs["sagemaker"].add_response(
            "describe_pipeline_execution", {**described, **said}, {"PipelineExecutionArn": arn}
        )
        for number, page in enumerate(pages):
            request = {"PipelineExecutionArn": arn, "SortOrder": "Ascending"}
            token = {"NextToken": str(number)} if number else {}
            more = {"NextToken": str(number + 1)} if number + 1 < len(pages) else {}
            self.stubs["sagemaker"].add_response(
                "list_pipeline_execution_steps",
                {"PipelineExecutionSteps": page, **more},
                {**request, **token},
            )

    def expect_version(self, status: str = "PendingManualApproval") -> None:
        uri = "s3://b/runs/abcdefghijkl/Evaluate/evaluation/evaluation.json"
        package = {
            "ModelPackageName": GROUP,
            "ModelPackageArn": PACKAGE,
            "CreationTime": MOMENT,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": []},
            "ModelApprovalStatus": status,
            "CustomerMetadataProperties": {"Report": REPORT, "GitCommit": "3f2a1b9c"},
            "ModelMetrics": {
                "ModelQuality": {
                    "Statistics": {"ContentType": "application/json", "S3Uri": uri},
                }
            },
        }
        self.stubs["sagemaker"].add_response(
            "describe_model_package", package, {"ModelPackageName": PACKAGE}
        )

    def expect_evaluation(self, content: bytes) -> None:
        body = StreamingBody(io.BytesIO(content), len(content))
        self.stubs["s3"].add_response(
            "get_object",
            {"Body": body},
            {"Bucket": "b", "Key": "runs/abcdefghijkl/Evaluate/evaluation/evaluation.json"},
        )


@pytest.fixture
def aws() -> Iterator[Aws]:
    made = Aws()
    yield made
    for stub in made.stubs.values():
        stub.assert_no_pending_responses()


def run_event(arn: str = RUN, status: str = "Failed") -> dict[str, Any]:
    return {
        "detail-type": "SageMaker Model Building Pipeline Execution Status Change",
        "detail": {"pipelineExecutionArn": arn, "currentPipelineExecutionStatus": status},
    }


def step(name: str, status: str, **more: Any) -> dict[str, Any]:
    return {"StepName": name, "StepStatus": status, **more}


WAITING: dict[str, Any] = {
    "detail-type": "SageMaker Model Package State Change",
    "time": "2026-11-21T10:00:00Z",
    "detail": {
        "ModelPackageGroupName": GROUP,
        "ModelPackageArn": PACKAGE,
        "ModelApprovalStatus": "PendingManualApproval",
    },
}


class TestARunThatFailed:
    def test_people_hear_why_and_what_to_do(self, aws: Aws) -> None:
        aws.expect_run(
            RUN,
            [step("Prepare", "Succeeded")],
            [step("Train", "Failed", FailureReason="AlgorithmError:\n exit code 1")],
        )
        assert aws.handle(run_event())["action"] == "told"
        (news,) = aws.told
        assert news.subject == "dogs: the run 20261121-0347 failed"
        for words in (
            "The run 20261121-0347 (abcdefghijkl) of the pipeline dogs failed.\n\n"
            "Train: AlgorithmError: exit code 1\n",
            REPORT,
            "python -m pipeline.run --retry abcdefghijkl --wait",
            "https://us-east-1.console.aws.amazon.com/sagemaker/home?region=us-east-1",
        ):
            assert words in news.text

    def test_a_gate_that_was_not_passed_is_a_reason(self, aws: Aws) -> None:
        message = {"Fail": {"ErrorMessage": "accuracy 0.5 is below 0.6"}}
        aws.expect_run(RUN, [step("AccuracyTooLow", "Failed", Metadata=message)])
        aws.handle(run_event())
        assert "AccuracyTooLow: accuracy 0.5 is below 0.6" in aws.told[0].text

    def test_a_run_whose_steps_say_nothing_has_its_own_reason(self, aws: Aws) -> None:
        aws.expect_run(RUN, [], reason="no such role")
        aws.handle(run_event())
        assert "\n\nno such role\n" in aws.told[0].text

    def test_a_check_of_productions_pictures_is_no_run_to_retry(self, aws: Aws) -> None:
        aws.expect_run(CHECK, [step("Monitor", "Failed", FailureReason="no capture")])
        aws.handle(run_event(CHECK))
        assert "Monitor: no capture" in aws.told[0].text
        assert "--retry" not in aws.told[0].text

    def test_a_rule_that_sends_other_ends_is_an_error_for_the_alarm(self, aws: Aws) -> None:
        with pytest.raises(DeployError, match="correct the rule"):
            aws.handle(run_event(status="Succeeded"))

    def test_what_may_not_be_read_is_an_error_for_the_alarm(self, aws: Aws) -> None:
        aws.stubs["sagemaker"].add_client_error("describe_pipeline_execution", "AccessDenied")
        with pytest.raises(ClientError):
            aws.handle(run_event())


class TestAVersionThatWaits:
    def test_people_hear_how_good_it_is_and_how_to_approve_it(self, aws: Aws) -> None:
        aws.expect_version()
        aws.expect_evaluation(json.dumps(EVALUATION).encode())
        assert aws.handle(WAITING)["action"] == "told"
        (news,) = aws.told
        assert news.subject == "dogs: version 3 waits for an approval"
        for words in (
            "Test accuracy  91.2% of 840 pictures\n",
            f"Champion       {SUMMARY}\n",
            f"Report         {REPORT}\n",
            "python -m pipeline.registry approve 3 --aws --group dogs\n",
            "Studio (Models, dogs): https://us-east-1.console.aws.amazon.com/",
        ):
            assert words in news.text

    @pytest.mark.parametrize("code", ["NoSuchKey", "AccessDenied"])
    def test_an_evaluation_that_cannot_be_read_is_said(self, aws: Aws, code: str) -> None:
        aws.expect_version()
        aws.stubs["s3"].add_client_error("get_object", code)
        aws.handle(WAITING)
        assert "not known: its evaluation.json is gone, or may not be read" in aws.told[0].text

    def test_what_is_no_evaluation_is_said(self, aws: Aws) -> None:
        aws.expect_version()
        aws.expect_evaluation(b"[]")
        aws.handle(WAITING)
        assert "Test accuracy  not known" in aws.told[0].text

    def test_a_version_that_somebody_decided_on_waits_no_longer(self, aws: Aws) -> None:
        aws.expect_version("Approved")
        assert aws.handle(WAITING)["action"] == "unchanged"
        assert aws.told == []


class TestARollback:
    def test_people_hear_once_of_what_production_gave_up(self, world: World) -> None:
        world.told = []
        run(world, "a1 ok a2")
        end = world.end(well=False)
        world.handle(end)
        world.handle(end)
        (news,) = world.told
        assert news.subject == f"{PRODUCTION}: version 2 was rolled back"
        assert "It has version 1 again." in news.text
        assert "the model does not load" in news.text
        assert "python -m pipeline.registry reject 2 --aws --group dogs" in news.text

    def test_a_version_comes_though_nobody_can_be_told(self, world: World) -> None:
        world.told, world.is_mute = [], True
        run(world, "a1 ok a2")
        world.end(well=False)
        approval = world.decide("a", "3")
        with pytest.raises(DeployError, match=r"nobody could be told .*version 2 was rolled back"):
            world.handle(approval)
        assert world.state == "1>3"
        assert world.handle(approval)["action"] == "unchanged"
        run(world, "ok r3")
        assert world.state == "3>1"  # version 2 was taken back

    def test_whoever_could_not_be_told_is_told_by_the_next_event(self, world: World) -> None:
        world.told, world.is_mute = [], True
        run(world, "a1 ok a2")
        end = world.end(well=False)
        with pytest.raises(DeployError, match="nobody could be told"):
            world.handle(end)
        world.is_mute = False
        world.handle(end)
        world.handle(end)
        assert len(world.told) == 1

    def test_a_first_version_leaves_none(self) -> None:
        endpoint = {
            "EndpointName": PRODUCTION,
            "EndpointArn": f"{PREFIX}:endpoint/{PRODUCTION}",
            "EndpointStatus": "Failed",
            "EndpointConfigName": "c",
        }
        news = of_rollback(endpoint, PACKAGE, "")
        assert news.subject == f"{PRODUCTION}: version 3 could not be deployed"
        assert "There was no version before it: the endpoint does not answer." in news.text
        assert f"{PRODUCTION}-errors" in news.text


class TestTopics:
    def test_each_topic_gets_one_line_of_ascii_and_the_text(self, aws: Aws) -> None:
        tell = teller(f"{TOPIC},{OTHER}", lambda: aws.made["sns"])
        for topic in (TOPIC, OTHER):
            wanted = {"TopicArn": topic, "Subject": "a ? b" + "c" * 94, "Message": "ä"}
            aws.stubs["sns"].add_response("publish", {"MessageId": "1"}, wanted)
        assert tell
        tell(News("a ä\nb" + "c" * 200, "ä"))

    def test_without_a_topic_nobody_tells(self) -> None:
        assert teller("", no_scaling) is None

    def test_a_topic_that_refuses_is_an_error_so_that_lambda_tries_again(self, aws: Aws) -> None:
        tell = teller(TOPIC, lambda: aws.made["sns"])
        aws.stubs["sns"].add_client_error("publish", "AuthorizationError")
        assert tell
        with pytest.raises(ClientError):
            tell(News("a", "b"))
