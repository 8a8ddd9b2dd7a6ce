"""CloudFormation as stubs, and what the change sets are asked to be."""

import hashlib
from typing import Any

from botocore.stub import ANY

from pipeline.aws.clients import Aws
from pipeline.bootstrap.__main__ import TEMPLATE
from pipeline.bootstrap.template import first_text, request_text
from tests.pipeline.aws.aws_support import ACCOUNT, BUCKET, REGION, Playback, session

STACK_ID = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/dog-breeds/1"
CHANGE_SET = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/bootstrap/1"
# Nothing of them in pipeline.yaml.
NETWORK_AND_KEYS = (
    *("SubnetIds", "SecurityGroupIds", "NetworkArns"),
    *("DataKeyArns", "BucketKeyArn", "VolumeKeyArn", "QueueKeyArn", "LogsKeyArn"),
    "FunctionsKeyArn",
)


class Cloud:
    """Stubbed clients: each call must come in the order it was expected in, as expected."""

    def __init__(self) -> None:
        services = ("cloudformation", "s3", "sagemaker")
        self.clients = {name: session().client(name) for name in services}
        self.stubs = {name: Playback(client) for name, client in self.clients.items()}
        for stub in self.stubs.values():
            stub.activate()

    def aws(self) -> Aws:
        return Aws(REGION, ACCOUNT, lambda service: self.clients[service])

    def expect(self, operation: str, answer: dict[str, Any], request: Any = None) -> None:
        service = "s3" if operation == "head_bucket" else "cloudformation"
        self.stubs[service].add_response(operation, answer, request)

    def refuse(self, service: str, operation: str, code: str, message: str = "") -> None:
        self.stubs[service].add_client_error(operation, code, message)

    def expect_no_stack(self) -> None:
        self.refuse(
            "cloudformation",
            "describe_stacks",
            "ValidationError",
            "Stack with id dog-breeds does not exist",
        )

    def expect_stack(self, status: str, parameters: dict[str, str] | None = None) -> None:
        stack = {
            "StackId": STACK_ID,
            "StackName": "dog-breeds",
            "CreationTime": "2026-01-01T00:00:00Z",
            "StackStatus": status,
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in (parameters or {}).items()
            ],
            "Outputs": [{"OutputKey": "Bucket", "OutputValue": BUCKET}],
        }
        self.expect("describe_stacks", {"Stacks": [stack]})

    def expect_bucket(self) -> None:
        request = {"Bucket": BUCKET, "ExpectedBucketOwner": ACCOUNT}
        self.expect("head_bucket", {"BucketRegion": REGION}, request)

    def expect_template(self) -> None:
        """The bucket is looked at, then the template is put into it."""
        self.expect_bucket()
        self.stubs["s3"].add_response(
            "put_object",
            {},
            {
                "Bucket": BUCKET,
                "Key": TEMPLATE_KEY,
                "ExpectedBucketOwner": ACCOUNT,
                "Body": request_text(TEMPLATE).encode(),
                "IfNoneMatch": "*",
                "ChecksumAlgorithm": "SHA256",
            },
        )

    def expect_nothing_there(self) -> None:
        self.refuse("s3", "head_bucket", "404")
        self.refuse(
            "sagemaker",
            "describe_model_package_group",
            "ValidationException",
            "ModelPackageGroup dog-breeds does not exist.",
        )

    def expect_change_set(self, request: dict[str, Any] | None = None) -> None:
        self.expect("create_change_set", {"Id": CHANGE_SET, "StackId": STACK_ID}, request)
        self.expect("describe_change_set", {"Status": "CREATE_IN_PROGRESS"})
        changes = [("Add", "Bucket", "AWS::S3::Bucket", None), REPLACED]
        self.expect(
            "describe_change_set",
            {
                "Status": "CREATE_COMPLETE",
                "ChangeSetId": CHANGE_SET,
                "Changes": [_change(*one) for one in changes],
            },
            {"ChangeSetName": CHANGE_SET},
        )

    def expect_events(self, *events: tuple[str, str, str]) -> None:
        """(resource, status, reason), newest first as CloudFormation gives them."""
        page = [
            {
                "StackId": STACK_ID,
                "EventId": f"{resource}-{status}",
                "StackName": "dog-breeds",
                "LogicalResourceId": resource,
                "ResourceType": "AWS::S3::Bucket",
                "Timestamp": "2026-01-01T00:00:00Z",
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
                "ClientRequestToken": "ours",
            }
            for resource, status, reason in events
        ]
        self.expect("describe_stack_events", {"StackEvents": page}, {"StackName": STACK_ID})

    def verify(self) -> None:
        for stub in self.stubs.values():
            stub.assert_no_pending_responses()


_DIGEST = hashlib.sha256(request_text(TEMPLATE).encode()).hexdigest()[:16]
TEMPLATE_KEY = f"templates/dog-breeds-{_DIGEST}.json"
REPLACED = ("Modify", "DeployRole", "AWS::IAM::Role", "True")


def _change(action: str, resource: str, kind: str, replacement: str | None) -> dict[str, Any]:
    change = {"Action": action, "LogicalResourceId": resource, "ResourceType": kind}
    return {
        "Type": "Resource",
        "ResourceChange": change | ({"Replacement": replacement} if replacement else {}),
    }


def given(name: str, value: str) -> dict[str, Any]:
    return {"ParameterKey": name, "ParameterValue": value}


def parameters() -> list[dict[str, Any]]:
    return [
        given("Project", "dog-breeds"),
        given("BucketName", BUCKET),
        given("ModelPackageGroupName", "dog-breeds"),
        given("ApprovalStatus", "PendingManualApproval"),
        given("PipelineRoleArn", ""),
        given("JobsRoleArn", ""),
        given("ServingRoleArn", ""),
        given("LambdaRoleArn", ""),
        given("LambdaName", "dog-breeds-deploy-endpoint"),
        given("ChampionLambdaName", "dog-breeds-find-champion"),
        given("StagingEndpointName", "dog-breeds-staging"),
        given("StagingExpireHours", "0"),
        given("ProductionEndpointName", "dog-breeds-production"),
        given("ProductionDeployment", ANY),
        given("MonitorSchedule", ""),
        given("MonitorRetrains", "false"),
        given("CaptureExpireDays", "90"),
        given("NotifyEmails", "-,-,-,-,-"),
        given("NotifyWebhook", ""),
        given("NotifyTopicArn", ""),
        *(given(name, "") for name in NETWORK_AND_KEYS),
        given("ExtraReadArns", ""),
        given("ServingImageArn", ""),
        given("BuildEnvironment", "staging"),
    ]


def first_request(parameters: list[dict[str, Any]]) -> dict[str, Any]:
    """The request that makes the bucket, before anything can be read from it."""
    whole = request("CREATE", parameters)
    del whole["TemplateURL"]
    return {**whole, "TemplateBody": first_text(TEMPLATE)}


def request(kind: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "StackName": "dog-breeds",
        "ChangeSetName": ANY,
        "ChangeSetType": kind,
        "TemplateURL": f"https://s3.{REGION}.amazonaws.com/{BUCKET}/{TEMPLATE_KEY}",
        "Parameters": parameters,
        "Tags": [{"Key": "project", "Value": "dog-breeds"}],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }
