"""The Deploy step's call: the requests it sends, to the letter, for an endpoint without turns.

Turns at the staging endpoint: test_staging_endpoint.py.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from deploy_endpoint import deploy
from deployment_errors import DeployError, EndpointBusyError
from production_endpoint import Clients
from tests.lambda_code.deploy_support import no_scaling
from tests.lambda_code.step_support import EVENT, NAME, PRODUCTION

PREFIX = "arn:aws:sagemaker:us-east-1:111122223333"
PACKAGE, ROLE = str(EVENT["model_package_arn"]), str(EVENT["role_arn"])
MOMENT = 1_700_000_000
GONE = "Could not find endpoint configuration."


@pytest.fixture
def client() -> Any:
    return boto3.client("sagemaker", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")


@pytest.fixture
def stub(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def _package(stub: Stubber, status: str = "Approved") -> None:
    container = {
        "Image": "image:1",
        "ImageDigest": "sha256:0",
        "ModelDataUrl": "s3://b/model.tar.gz",
        "Environment": {"A": "1"},
    }
    answer = {
        "ModelPackageName": "dog-breeds",
        "ModelPackageArn": PACKAGE,
        "CreationTime": MOMENT,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "ModelApprovalStatus": status,
        "InferenceSpecification": {"Containers": [container]},
    }
    stub.add_response("describe_model_package", answer, {"ModelPackageName": PACKAGE})


def _created(stub: Stubber, container: dict[str, Any] | None = None) -> None:
    """The answers to everything up to the endpoint itself."""
    _package(stub)
    model = {
        "ModelName": ANY,
        "PrimaryContainer": container or {"ModelPackageName": PACKAGE},
        "ExecutionRoleArn": ROLE,
        "Tags": [{"Key": "model-package-arn", "Value": PACKAGE}],
    }
    stub.add_response("create_model", {"ModelArn": f"{PREFIX}:model/m"}, model)
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": ANY,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    tags = [{"Key": "endpoint", "Value": NAME}, {"Key": "model-package-arn", "Value": PACKAGE}]
    config = {"EndpointConfigName": ANY, "ProductionVariants": [variant], "Tags": tags}
    answer = {"EndpointConfigArn": f"{PREFIX}:endpoint-config/c"}
    stub.add_response("create_endpoint_config", answer, config)


def _endpoint(stub: Stubber, status: str, config: str = "old", pending: str = "") -> None:
    answer: dict[str, Any] = {
        "EndpointName": NAME,
        "EndpointArn": f"{PREFIX}:endpoint/{NAME}",
        "EndpointConfigName": config,
        "EndpointStatus": status,
        "CreationTime": MOMENT,
        "LastModifiedTime": MOMENT,
    }
    if pending:
        answer["PendingDeploymentSummary"] = {"EndpointConfigName": pending}
    stub.add_response("describe_endpoint", answer, {"EndpointName": NAME})


def _refusal(
    stub: Stubber, operation: str, message: str, code: str = "ValidationException"
) -> None:
    stub.add_client_error(operation, code, message)


def _no_endpoint(stub: Stubber, code: str = "ValidationException") -> None:
    message = f'Could not find endpoint "{PREFIX}:endpoint/{NAME}".'
    _refusal(stub, "describe_endpoint", message, code)


def _create(stub: Stubber) -> None:
    request = {"EndpointName": NAME, "EndpointConfigName": CONFIG}
    stub.add_response("create_endpoint", {"EndpointArn": f"{PREFIX}:endpoint/{NAME}"}, request)


def _kinds(stub: Stubber, *configs: str, serverless: tuple[str, ...] = ()) -> None:
    """The answers about what the endpoint has, and what it is to get."""
    for config in configs or ("old", CONFIG):
        variant: dict[str, Any] = {"VariantName": "AllTraffic", "ModelName": "m"}
        if config in serverless:
            variant["ServerlessConfig"] = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
        answer = {
            "EndpointConfigName": config,
            "EndpointConfigArn": f"{PREFIX}:endpoint-config/c",
            "ProductionVariants": [variant],
            "CreationTime": MOMENT,
        }
        stub.add_response("describe_endpoint_config", answer, {"EndpointConfigName": config})


def _update(stub: Stubber) -> None:
    request = {
        "EndpointName": NAME,
        "EndpointConfigName": CONFIG,
        "DeploymentConfig": {
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {
                    "Type": "ALL_AT_ONCE",
                    "WaitIntervalInSeconds": 0,
                },
                "TerminationWaitInSeconds": 0,
                "MaximumExecutionTimeoutInSeconds": 3600,
            }
        },
    }
    stub.add_response("update_endpoint", {"EndpointArn": f"{PREFIX}:endpoint/{NAME}"}, request)


# Names follow from what is deployed, so they are the same in every call and every year.
MODEL, CONFIG = "dog-breeds--7-f4b22cd2545f", "dog-breeds--7-bde8c7780b8c"
SERVERLESS_CONFIG = "dog-breeds--7-2d9b74b465ac"
NAMES = {"endpoint_name": NAME, "endpoint_config_name": CONFIG, "model_name": MODEL}
CREATED = {**NAMES, "action": "created"}
UPDATED = {**NAMES, "action": "updated"}
UNCHANGED = {**NAMES, "action": "unchanged"}


def _deploy(
    client: Any, sleep: Callable[[float], None] = lambda _: None, **changes: Any
) -> dict[str, str]:
    clients = Clients(client, no_scaling, sleep)
    return deploy({**EVENT, **changes}, clients, production=PRODUCTION, staging="another")


class TestRequests:
    @pytest.mark.parametrize("code", ["ValidationException", "ResourceNotFound"])
    def test_a_first_deployment_creates_everything(
        self, client: Any, stub: Stubber, code: str
    ) -> None:
        _created(stub)
        _no_endpoint(stub, code)
        _create(stub)
        assert _deploy(client) == CREATED

    def test_before_approval_the_packages_image_and_data_are_used(
        self, client: Any, stub: Stubber
    ) -> None:
        _package(stub, "PendingManualApproval")
        container = {
            "Image": "image:1",
            "ModelDataUrl": "s3://b/model.tar.gz",
            "Environment": {"A": "1"},
        }
        request = {
            "ModelName": ANY,
            "PrimaryContainer": container,
            "ExecutionRoleArn": ROLE,
            "Tags": ANY,
        }
        stub.add_response("create_model", {"ModelArn": f"{PREFIX}:model/m"}, request)
        answer = {"EndpointConfigArn": f"{PREFIX}:endpoint-config/c"}
        stub.add_response("create_endpoint_config", answer)
        _no_endpoint(stub)
        stub.add_response("create_endpoint", {"EndpointArn": f"{PREFIX}:endpoint/{NAME}"})
        assert _deploy(client)["model_name"] != MODEL

    def test_what_is_there_already_is_used(self, client: Any, stub: Stubber) -> None:
        _package(stub)
        _refusal(stub, "create_model", 'Cannot create already existing model "arn".')
        _refusal(
            stub,
            "create_endpoint_config",
            'Cannot create already existing endpoint configuration "arn".',
        )
        _endpoint(stub, "InService", CONFIG)
        assert _deploy(client) == UNCHANGED

    @pytest.mark.parametrize(
        ("status", "config", "pending"),
        [("Creating", "CONFIG", ""), ("Updating", "old", "CONFIG"), ("InService", "CONFIG", "")],
    )
    def test_a_repeated_call_changes_nothing(
        self, client: Any, stub: Stubber, status: str, config: str, pending: str
    ) -> None:
        _created(stub)
        names = {"CONFIG": CONFIG, "": ""}
        _endpoint(stub, status, names.get(config, config), names[pending])
        assert _deploy(client) == UNCHANGED

    @pytest.mark.parametrize("status", ["InService", "UpdateRollbackFailed"])
    def test_another_version_is_an_update(self, client: Any, stub: Stubber, status: str) -> None:
        _created(stub)
        _endpoint(stub, status)
        _kinds(stub)
        _update(stub)
        assert _deploy(client) == UPDATED

    def test_a_failed_endpoint_is_deleted_and_made_again(self, client: Any, stub: Stubber) -> None:
        waited: list[float] = []
        _created(stub)
        _endpoint(stub, "Failed", CONFIG)
        stub.add_response("delete_endpoint", {}, {"EndpointName": NAME})
        _endpoint(stub, "Deleting", CONFIG)
        _no_endpoint(stub)
        _create(stub)
        assert _deploy(client, waited.append) == CREATED
        assert waited == [5]

    def test_one_that_is_being_deleted_is_waited_for_and_made_again(
        self, client: Any, stub: Stubber
    ) -> None:
        _created(stub)
        _endpoint(stub, "Deleting")
        _no_endpoint(stub)
        _create(stub)
        assert _deploy(client) == CREATED

    def test_a_deletion_without_end_is_given_up(self, client: Any, stub: Stubber) -> None:
        _created(stub)
        for _ in range(61):
            _endpoint(stub, "Deleting")
        with pytest.raises(EndpointBusyError, match="still being deleted"):
            _deploy(client)

    @pytest.mark.parametrize("status", ["Creating", "Updating", "RollingBack", "SystemUpdating"])
    def test_an_endpoint_whose_end_no_event_tells_is_not_waited_for(
        self, client: Any, stub: Stubber, status: str
    ) -> None:
        _created(stub)
        _endpoint(stub, status, pending="another")
        with pytest.raises(EndpointBusyError, match=r"to another: .*runs take turns at another\)"):
            _deploy(client)

    def test_a_faster_call_that_created_the_same_is_enough(
        self, client: Any, stub: Stubber
    ) -> None:
        _created(stub)
        _no_endpoint(stub)
        _refusal(stub, "create_endpoint", 'Cannot create already existing endpoint "arn".')
        _endpoint(stub, "Creating", CONFIG)
        assert _deploy(client) == UNCHANGED

    @pytest.mark.parametrize(("pending", "busy"), [("CONFIG", False), ("another", True)])
    def test_a_faster_call_that_updates_is_compared(
        self, client: Any, stub: Stubber, pending: str, busy: bool
    ) -> None:
        _created(stub)
        _endpoint(stub, "InService")
        _kinds(stub)
        _refusal(stub, "update_endpoint", 'Cannot update in-progress endpoint "arn".')
        _endpoint(stub, "Updating", pending=CONFIG if pending == "CONFIG" else pending)
        if busy:
            with pytest.raises(EndpointBusyError):
                _deploy(client)
        else:
            _deploy(client)

    @pytest.mark.parametrize("operation", ["create_model", "create_endpoint_config"])
    def test_what_sagemaker_refuses_is_raised(
        self, client: Any, stub: Stubber, operation: str
    ) -> None:
        _package(stub)
        if operation != "create_model":
            stub.add_response("create_model", {"ModelArn": f"{PREFIX}:model/m"})
        _refusal(stub, operation, "limit reached", "ResourceLimitExceeded")
        with pytest.raises(ClientError, match="limit reached"):
            _deploy(client)


SERVERLESS: dict[str, Any] = {
    "instance_type": None,
    "instance_count": None,
    "memory_size_mb": 2048,
    "max_concurrency": "5",
}


class TestServerless:
    """An endpoint on instances is never updated to serverless: SageMaker refuses that."""

    @pytest.fixture(autouse=True)
    def made(self, stub: Stubber) -> None:
        _package(stub)
        stub.add_response("create_model", {"ModelArn": f"{PREFIX}:model/m"})

    def _config(self, stub: Stubber, **more: int) -> None:
        serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 5, **more}
        variant = {"VariantName": "AllTraffic", "ModelName": ANY, "ServerlessConfig": serverless}
        request = {"EndpointConfigName": ANY, "ProductionVariants": [variant], "Tags": ANY}
        answer = {"EndpointConfigArn": f"{PREFIX}:endpoint-config/c"}
        stub.add_response("create_endpoint_config", answer, request)

    def _made_again(self, stub: Stubber, config: Any, *tags: dict[str, str]) -> None:
        request = {"EndpointName": NAME, "EndpointConfigName": config}
        request |= {"Tags": list(tags)} if tags else {}
        stub.add_response("create_endpoint", {"EndpointArn": f"{PREFIX}:endpoint/{NAME}"}, request)

    def test_its_configuration_says_memory_and_requests_at_a_time(
        self, client: Any, stub: Stubber
    ) -> None:
        self._config(stub, ProvisionedConcurrency=1)
        _no_endpoint(stub)
        self._made_again(stub, ANY)
        done = _deploy(client, **SERVERLESS, provisioned_concurrency=1)
        assert done["action"] == "created"

    def test_a_serverless_one_is_updated_in_the_one_documented_way(
        self, client: Any, stub: Stubber
    ) -> None:
        self._config(stub)
        _endpoint(stub, "InService")
        _kinds(stub, "old", SERVERLESS_CONFIG, serverless=("old", SERVERLESS_CONFIG))
        request = {"EndpointName": NAME, "EndpointConfigName": SERVERLESS_CONFIG}
        stub.add_response("update_endpoint", {"EndpointArn": f"{PREFIX}:endpoint/e"}, request)
        assert _deploy(client, **SERVERLESS)["action"] == "updated"

    def _replaced(self, stub: Stubber) -> None:
        self._config(stub)
        _endpoint(stub, "InService")
        _kinds(stub, "old", SERVERLESS_CONFIG, serverless=(SERVERLESS_CONFIG,))
        stub.add_response("delete_endpoint", {}, {"EndpointName": NAME})
        _endpoint(stub, "Deleting")
        _no_endpoint(stub)

    def test_one_on_instances_is_made_anew(self, client: Any, stub: Stubber) -> None:
        self._replaced(stub)
        self._made_again(stub, SERVERLESS_CONFIG)
        assert _deploy(client, **SERVERLESS)["action"] == "replaced"

    def test_when_that_is_refused_it_has_again_what_it_had(
        self, client: Any, stub: Stubber
    ) -> None:
        self._replaced(stub)
        _refusal(stub, "create_endpoint", "the quota is 0", "ResourceLimitExceeded")
        failed = {"Key": "failed-deployment", "Value": SERVERLESS_CONFIG}
        self._made_again(stub, "old", failed)
        with pytest.raises(DeployError, match="is made again with old: the quota is 0"):
            _deploy(client, **SERVERLESS)

    def test_when_both_are_refused_it_says_that_it_is_gone(
        self, client: Any, stub: Stubber
    ) -> None:
        self._replaced(stub)
        _refusal(stub, "create_endpoint", "the quota is 0", "ResourceLimitExceeded")
        _refusal(stub, "create_endpoint", "no capacity", "ResourceLimitExceeded")
        message = r"is gone \(old was refused as well: no capacity\): the quota is 0"
        with pytest.raises(DeployError, match=message):
            _deploy(client, **SERVERLESS)

    def test_whoever_makes_it_first_meanwhile_has_it(self, client: Any, stub: Stubber) -> None:
        self._replaced(stub)
        _refusal(stub, "create_endpoint", 'Cannot create already existing endpoint "arn".')
        _endpoint(stub, "Creating", "another")
        with pytest.raises(EndpointBusyError, match="is Creating to another"):
            _deploy(client, **SERVERLESS)

    def test_back_on_instances_is_an_update(self, client: Any, stub: Stubber) -> None:
        answer = {"EndpointConfigArn": f"{PREFIX}:endpoint-config/c"}
        stub.add_response("create_endpoint_config", answer)
        _endpoint(stub, "InService")
        _kinds(stub, serverless=("old",))
        request = {"EndpointName": NAME, "EndpointConfigName": CONFIG}
        stub.add_response("update_endpoint", {"EndpointArn": f"{PREFIX}:endpoint/e"}, request)
        assert _deploy(client)["action"] == "updated"


class TestInputs:
    @pytest.mark.parametrize("name", list(EVENT))
    def test_a_missing_input_is_named(self, client: Any, name: str) -> None:
        with pytest.raises(DeployError, match=name):
            _deploy(client, **{name: ""})

    def test_counts_may_come_as_text(self, client: Any, stub: Stubber) -> None:
        _created(stub)
        _no_endpoint(stub)
        _create(stub)
        _deploy(client, instance_count="1")
        with pytest.raises(DeployError, match="whole number"):
            _deploy(client, instance_count="two")

    @pytest.mark.parametrize("name", [PRODUCTION, "Dog-Breeds-Production"])  # one to SageMaker
    def test_production_is_for_approvals_alone(self, client: Any, stub: Stubber, name: str) -> None:
        with pytest.raises(DeployError, match="is where approved versions go"):
            _deploy(client, endpoint_name=name)

    def test_names_fit_whatever_the_group_is_called(self, client: Any) -> None:
        arn = f"{PREFIX}:model-package/{'a-' * 31}a/12345"
        with Stubber(client) as stub:
            answer = {
                "ModelPackageName": "a",
                "ModelPackageArn": arn,
                "CreationTime": MOMENT,
                "ModelPackageStatus": "Completed",
                "ModelPackageStatusDetails": {"ValidationStatuses": []},
            }
            stub.add_response("describe_model_package", answer)
            stub.add_response("create_model", {"ModelArn": f"{PREFIX}:model/m"})
            answer = {"EndpointConfigArn": f"{PREFIX}:endpoint-config/c"}
            stub.add_response("create_endpoint_config", answer)
            _endpoint(stub, "InService")
            for _ in range(2):
                stub.add_client_error("describe_endpoint_config", "ValidationException", GONE)
            stub.add_response("update_endpoint", {"EndpointArn": f"{PREFIX}:endpoint/{NAME}"})
            names = _deploy(client, model_package_arn=arn)
        del names["action"]
        pattern = client.meta.service_model.shape_for("ModelName").metadata["pattern"]
        assert all(re.fullmatch(pattern, name) and len(name) <= 63 for name in names.values())
