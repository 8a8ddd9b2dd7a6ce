"""After a run on AWS succeeded: its endpoint is followed and asked, and what comes of it."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY

from pipeline.aws.watch import Outcome
from pipeline.run.on_aws import ServedOutcome, follow_endpoint
from pipeline.settings.serverless import MAXIMUM_BODY
from staging_endpoint import BEGUN, WANTED
from tests.pipeline.aws.aws_support import ACCOUNT, EXECUTION, NOW, REGION, Clock, Cloud

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
ENDPOINT = f"{ARN}:endpoint/dogs-staging"
EVALUATION = "s3://b/runs/abc/Evaluate/evaluation"
JPEG = b"\xff\xd8\xff a picture"
GROUP = "/aws/sagemaker/Endpoints/dogs-staging"
ANSWERED = {"endpoint_name": "dogs-staging", "endpoint_config_name": "ours", "action": "updated"}


@dataclass
class Run:
    """An execution that has just succeeded, and SageMaker's answers about it."""

    cloud: Cloud
    clock: Clock
    said: list[str] = field(default_factory=list)

    def facts(self, answered: dict[str, str] | None = ANSWERED) -> None:
        expect = self.cloud.expect
        status = {"PipelineExecutionArn": EXECUTION, "PipelineExecutionStatus": "Succeeded"}
        expect("sagemaker", "describe_pipeline_execution", status)
        declared = [{"Name": "DataUri", "Type": "String", "DefaultValue": "s3://b/data/"}]
        definition = json.dumps({"Parameters": declared, "Steps": []})
        answer = {"PipelineDefinition": definition}
        expect("sagemaker", "describe_pipeline_definition_for_execution", answer)
        outputs = [{"Name": name, "Value": value} for name, value in (answered or {}).items()]
        job = f"{ARN}:processing-job/pipelines-abc-Evaluate-x"
        steps: list[dict[str, Any]] = [
            {"StepName": "Evaluate", "Metadata": {"ProcessingJob": {"Arn": job}}},
            {"StepName": "Deploy", "Metadata": {"Lambda": {"OutputParameters": outputs}}},
        ]
        steps = [{**one, "StepStatus": "Succeeded", "StartTime": NOW} for one in steps]
        steps = steps if answered else steps[:1]
        expect("sagemaker", "list_pipeline_execution_steps", {"PipelineExecutionSteps": steps})
        expect("sagemaker", "list_pipeline_parameters_for_execution", {"PipelineParameters": []})
        s3 = {"S3Uri": EVALUATION, "LocalPath": "/o", "S3UploadMode": "EndOfJob"}
        described = {
            "ProcessingJobName": "pipelines-abc-Evaluate-x",
            "ProcessingJobArn": job,
            "ProcessingJobStatus": "Completed",
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceCount": 1,
                    "InstanceType": "ml.m5.large",
                    "VolumeSizeInGB": 1,
                }
            },
            "AppSpecification": {"ImageUri": "image"},
            "CreationTime": NOW,
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "evaluation", "S3Output": s3}]},
        }
        expect("sagemaker", "describe_processing_job", described)

    def holds(self, uri: str, content: bytes, **more: str) -> None:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body = StreamingBody(io.BytesIO(content), len(content))
        request = {"Bucket": bucket, "Key": key, **more}
        self.cloud.expect("s3", "get_object", {"Body": body}, request)

    def predicted(self, *files: str) -> None:
        rows = [{"file": one, "label": "boxer", "prediction": "beagle"} for one in files]
        text = "".join(f"{json.dumps(row)}\n" for row in rows)
        self.holds(f"{EVALUATION}/predictions.jsonl", text.encode())

    def picture(self, uri: str, content: bytes = JPEG) -> None:
        self.holds(uri, content, Range=f"bytes=0-{MAXIMUM_BODY}")

    def test_picture(self) -> None:
        self.predicted("boxer/1.jpg")
        self.picture("s3://b/data/boxer/1.jpg")

    def looks(self, status: str, config: str, reason: str = "", begun: str = "ours") -> None:
        """One look at the endpoint: its description, its tags, its description again."""
        answer = {
            "EndpointName": "dogs-staging",
            "EndpointArn": ENDPOINT,
            "EndpointConfigName": config,
            "EndpointStatus": status,
            "CreationTime": NOW,
            "LastModifiedTime": NOW,
        } | ({"FailureReason": reason} if reason else {})
        tags = [{"Key": WANTED, "Value": begun}, {"Key": BEGUN, "Value": begun}]
        expect = self.cloud.expect
        expect("sagemaker", "describe_endpoint", answer, {"EndpointName": "dogs-staging"})
        expect("sagemaker", "list_tags", {"Tags": tags}, {"ResourceArn": ENDPOINT})
        expect("sagemaker", "describe_endpoint", answer, {"EndpointName": "dogs-staging"})

    def answers(self, label: str, kind: str = "image/jpeg") -> None:
        body = json.dumps({"predictions": [{"probabilities": {label: 0.75}}]}).encode()
        answer = {"Body": StreamingBody(io.BytesIO(body), len(body))}
        request = {"EndpointName": "dogs-staging", "ContentType": kind, "Body": ANY}
        self.cloud.expect("sagemaker-runtime", "invoke_endpoint", answer, request)

    def logged(self, *lines: str) -> None:
        stream = {"logStreams": [{"logStreamName": "AllTraffic/i-1"}]}
        newest = {
            "logGroupName": GROUP,
            "orderBy": "LastEventTime",
            "descending": True,
            "limit": 1,
        }
        self.cloud.expect("logs", "describe_log_streams", stream, newest)
        events = [{"timestamp": 1, "message": line, "ingestionTime": 1} for line in lines]
        self.cloud.expect("logs", "get_log_events", {"events": events})

    def follow(self) -> ServedOutcome:
        done = Outcome(EXECUTION, REGION, "Succeeded")
        return follow_endpoint(self.cloud.aws, done, self.said.append, self.clock.timing())


@pytest.fixture
def run() -> Iterator[Run]:
    cloud = Cloud()
    yield Run(cloud, Clock())
    cloud.verify()


def test_it_is_followed_into_service_and_asked_about_a_test_picture(run: Run) -> None:
    run.facts()
    run.test_picture()
    run.looks("Updating", "ours")
    run.looks("InService", "ours")
    run.answers("beagle")
    run.looks("InService", "ours")
    outcome = run.follow()
    assert (outcome.exit_code, outcome.failure) == (0, None)
    assert run.said == ["endpoint dogs-staging: Updating"]
    assert outcome.summary("again").splitlines() == [
        f"succeeded: {EXECUTION}",
        "  endpoint       dogs-staging",
        "  asked about    boxer/1.jpg: beagle 75.0% (it is boxer)",
    ]
    written = json.loads(outcome.to_json())
    assert (written["status"], written["asked"]["prediction"]) == ("Succeeded", "beagle")


def test_a_model_that_cannot_be_loaded_is_a_failure_with_its_reason_and_log(run: Run) -> None:
    run.facts()
    run.test_picture()
    for _ in range(2):
        run.looks("Failed", "ours", "did not pass the ping health check")
    run.logged("Traceback", "RuntimeError: weights do not fit")
    outcome = run.follow()
    assert outcome.exit_code == 1
    lines = outcome.summary("again").splitlines()
    assert lines[2] == (
        "failed: endpoint dogs-staging did not come into service: "
        "did not pass the ping health check"
    )
    assert "  | RuntimeError: weights do not fit" in lines
    assert f"aws logs tail {GROUP} --since 1d" in lines[-1]
    assert json.loads(outcome.to_json())["exit_code"] == 1


def test_one_that_looks_healthy_and_answers_with_a_fault_is_a_failure(run: Run) -> None:
    run.facts()
    run.test_picture()
    run.looks("InService", "ours")
    run.cloud.refuse("sagemaker-runtime", "invoke_endpoint", "ModelError", "worker died", 424)
    run.looks("InService", "ours")
    run.logged("worker died")
    outcome = run.follow()
    assert outcome.exit_code == 1
    assert "answers boxer/1.jpg with status 500: worker died" in outcome.summary("again")


def test_another_answer_than_evaluates_is_a_failure(run: Run) -> None:
    run.facts()
    run.test_picture()
    run.looks("InService", "ours")
    run.answers("poodle")
    run.looks("InService", "ours")
    run.logged("POST /invocations 200")
    assert "Evaluate computed beagle: serving and evaluation differ" in str(run.follow().failure)


def test_folders_that_wrap_the_data_and_pictures_that_are_too_large_are_passed(run: Run) -> None:
    run.facts()
    run.predicted("dogs/test/boxer/1.jpg", "dogs/test/boxer/2.jpg")
    run.picture("s3://b/data/dogs/test/boxer/1.jpg", b"x" * (MAXIMUM_BODY + 1))
    run.picture("s3://b/data/dogs/test/boxer/2.jpg")
    run.looks("InService", "ours")
    run.answers("beagle")
    run.looks("InService", "ours")
    asked = run.follow().asked
    assert asked
    assert asked.file == "dogs/test/boxer/2.jpg"


def test_without_a_test_picture_one_is_made_and_any_answer_will_do(run: Run) -> None:
    run.facts()
    run.predicted("boxer/1.jpg")
    run.cloud.refuse("s3", "get_object", "AccessDenied", status=403)
    run.looks("InService", "ours")
    run.answers("anything", "image/png")
    run.looks("InService", "ours")
    outcome = run.follow()
    assert outcome.exit_code == 0
    assert "test picture   none: s3://b/data/boxer/1.jpg may not be read" in outcome.summary(
        "again"
    )
    assert "asked about    a grey picture: anything 75.0%" in outcome.summary("again")


def test_what_another_run_replaced_is_said_and_no_failure(run: Run) -> None:
    run.facts()
    run.test_picture()
    for _ in range(2):
        run.looks("InService", "theirs", begun="theirs")
    outcome = run.follow()
    assert outcome.exit_code == 0
    assert outcome.not_asked == (
        "another run deployed theirs to the endpoint dogs-staging meanwhile"
    )


def test_credentials_that_may_not_ask_are_no_failure_of_the_model(run: Run) -> None:
    run.facts()
    run.test_picture()
    run.looks("InService", "ours")
    run.cloud.refuse("sagemaker-runtime", "invoke_endpoint", "AccessDeniedException", status=403)
    outcome = run.follow()
    assert outcome.exit_code == 0
    assert "not asked      asking the endpoint dogs-staging: not allowed" in outcome.summary(
        "again"
    )


def test_a_pipeline_that_deploys_nothing_has_nothing_to_be_asked(run: Run) -> None:
    run.facts(answered=None)
    outcome = run.follow()
    assert (outcome.exit_code, outcome.not_asked) == (0, "the run deployed nothing")


def test_ctrl_c_leaves_the_endpoint_to_itself(run: Run) -> None:
    run.facts()
    run.test_picture()
    run.cloud.lose("sagemaker", "describe_endpoint", KeyboardInterrupt())
    outcome = run.follow()
    assert outcome.exit_code == 3
    assert outcome.summary("again").endswith("no longer following its endpoint; look again: again")
