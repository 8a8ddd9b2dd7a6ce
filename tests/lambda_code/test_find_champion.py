"""Which model is the champion, asked of the local service by real clients, and as sent to AWS."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from deployment_errors import DeployError
from find_champion import ChampionError, Question, find_champion, handler
from pipeline.local.service.credentials import service_variables
from pipeline.local.service.server import Service
from pipeline.local.store import Store
from tests.lambda_code.deploy_support import GROUP, PRODUCTION, World, do

NOWHERE = "s3://b/code/no-champion-0123/files"
QUESTION = Question("dogs", NOWHERE)
ARN = "arn:aws:sagemaker:us-east-1:111122223333:model-package/dogs"
NONE = {"model_data": NOWHERE, "model_package_arn": "none"}


class TestOnTheLocalService:
    @pytest.fixture
    def find(
        self, service: Service, connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[], dict[str, str]]:
        """Calls the handler as the local runner does."""
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it knows the service of another test
        own = {"AWS_ENDPOINT_URL_S3": service.url, "AWS_DEFAULT_REGION": "us-east-1"}
        for name, value in {**service_variables(service.address), **own}.items():
            monkeypatch.setenv(name, value)
        event = {"model_package_group": "dogs", "no_champion_uri": NOWHERE}
        return lambda: handler(event, None)

    @pytest.fixture
    def register(
        self,
        service: Service,
        store: Store,
        connect: Callable[..., Any],
        register_package: Callable[..., str],
    ) -> Callable[..., str]:
        """`register("Approved")`: the next version, its archive in the store."""
        client = connect(service.url)

        def make(status: str = "PendingManualApproval") -> str:
            number = len(list(store.root.glob("s3/b/*/model.tar.gz"))) + 1
            path = store.path(f"s3://b/{number}/model.tar.gz")
            path.parent.mkdir(parents=True)
            path.write_bytes(b"model")
            arn = register_package(client, f"s3://b/{number}/model.tar.gz")
            client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus=status)
            return arn

        return make

    def test_before_anything_was_registered_there_is_none(
        self, find: Callable[[], dict[str, str]]
    ) -> None:
        assert find() == NONE

    def test_versions_that_wait_or_were_rejected_are_none(
        self, find: Callable[[], dict[str, str]], register: Callable[..., str]
    ) -> None:
        register()
        register("Rejected")
        assert find() == NONE

    def test_it_is_the_newest_of_those_approved(
        self, find: Callable[[], dict[str, str]], register: Callable[..., str]
    ) -> None:
        register("Approved")
        second = register("Approved")
        register("Rejected")
        register()
        assert find() == {"model_data": "s3://b/2/model.tar.gz", "model_package_arn": second}

    def test_with_its_model_deleted_only_its_name_is_left(
        self, find: Callable[[], dict[str, str]], register: Callable[..., str], store: Store
    ) -> None:
        arn = register("Approved")
        store.path("s3://b/1/model.tar.gz").unlink()
        assert find() == {"model_data": NOWHERE, "model_package_arn": arn}


class Objects:
    """An S3 that holds everything."""

    def head_object(self, **_request: str) -> dict[str, str]:
        return {}


@pytest.mark.parametrize(
    ("steps", "champion"),
    [
        ("a1 ok a2 ok", "2"),
        ("a2 ok a1 ok", "1"),  # an older one that was approved later
        ("a1 ok a2", "2"),  # on its way
        ("a1 a2", "2"),  # it waits for its turn
        ("a1 ok a2 ok back ok", "1"),  # rolled back, and still approved
        ("a1 ok a2 bad", "1"),  # it did not come into service
        ("a1 ok a2 ok r2 ok", "1"),
        ("a1 ok R1 A2", "2"),  # the event is still on its way
        ("A1 A2", "2"),  # nothing was ever deployed
        ("a1 ok p1", "1"),  # production runs it
        ("a1 ok A2 x1", "2"),  # production runs it, but there is nothing left to compare with
        ("a1 ok r1?", None),
        ("r1", None),
    ],
)
def test_it_is_the_version_that_production_would_run(
    world: World, steps: str, champion: str | None
) -> None:
    for step in steps.split():
        with suppress(*([DeployError] if step.endswith("?") else [])):
            do(world, step.rstrip("?"))
    found = find_champion(Question(GROUP, NOWHERE, PRODUCTION), world.client, Objects())
    assert found["model_package_arn"] == (world.package(champion) if champion else "none")


@dataclass
class Aws:
    """Clients that answer what is told, in that order, to just these requests."""

    sagemaker: Any
    s3: Any
    registry: Stubber
    objects: Stubber

    def find(self) -> dict[str, str]:
        return find_champion(QUESTION, self.sagemaker, self.s3)

    def lists(self, *arns: str, token: str | None = None, after: str | None = None) -> None:
        request = {
            "ModelPackageGroupName": "dogs",
            "ModelApprovalStatus": "Approved",
            "SortBy": "CreationTime",
            "SortOrder": "Descending",
        }
        found = [
            {
                "ModelPackageArn": arn,
                "CreationTime": 1_700_000_000,
                "ModelPackageStatus": "Completed",
            }
            for arn in arns
        ]
        answer = {"ModelPackageSummaryList": found} | ({"NextToken": token} if token else {})
        request |= {"NextToken": after} if after else {}
        self.registry.add_response("list_model_packages", answer, request)

    def describes(self, arn: str, *model_data: str | None) -> None:
        containers = [
            {"Image": "image"} | ({"ModelDataUrl": uri} if uri else {}) for uri in model_data
        ]
        answer = {
            "ModelPackageName": "dogs",
            "ModelPackageArn": arn,
            "CreationTime": 1_700_000_000,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": []},
        }
        if containers:
            answer["InferenceSpecification"] = {"Containers": containers}
        self.registry.add_response("describe_model_package", answer, {"ModelPackageName": arn})

    def holds(self, status: int = 200) -> None:
        request = {"Bucket": "b", "Key": "runs/1/model.tar.gz"}
        if status == 200:
            self.objects.add_response("head_object", {}, request)
        else:
            self.objects.add_client_error("head_object", str(status), "", status, {}, request)


@pytest.fixture(scope="module")
def session() -> boto3.Session:
    """One for all clients: it reads the services' models once."""
    return boto3.Session("key", "secret", region_name="us-east-1")


@pytest.fixture
def aws(session: boto3.Session) -> Iterator[Aws]:
    clients = session.client("sagemaker"), session.client("s3")
    with Stubber(clients[0]) as registry, Stubber(clients[1]) as objects:
        yield Aws(*clients, registry, objects)
        registry.assert_no_pending_responses()
        objects.assert_no_pending_responses()


MODEL = "s3://b/runs/1/model.tar.gz"


class TestOnAws:
    def test_without_a_decision_it_asks_for_approved_versions_newest_first(self, aws: Aws) -> None:
        aws.lists(f"{ARN}/2", f"{ARN}/1")
        aws.describes(f"{ARN}/2", MODEL)
        aws.holds()
        assert aws.find() == {"model_data": MODEL, "model_package_arn": f"{ARN}/2"}

    def test_a_page_may_be_empty_before_the_one_that_is_not(self, aws: Aws) -> None:
        aws.lists(token="more")
        aws.lists(f"{ARN}/2", after="more")
        aws.describes(f"{ARN}/2", MODEL)
        aws.holds()
        assert aws.find()["model_package_arn"] == f"{ARN}/2"

    def test_none_approved(self, aws: Aws) -> None:
        aws.lists()
        assert aws.find() == NONE

    @pytest.mark.parametrize(
        ("code", "words"),
        [("ValidationException", "does not exist"), ("ResourceNotFound", "is Not Found")],
    )
    def test_a_group_that_does_not_exist_has_no_champion(
        self, aws: Aws, code: str, words: str
    ) -> None:
        message = f"ModelPackageGroup {ARN} {words}."
        aws.registry.add_client_error("list_model_packages", code, message)
        assert aws.find() == NONE

    @pytest.mark.parametrize(
        ("code", "message"),
        [
            ("AccessDeniedException", "the role does not exist"),
            ("ValidationException", "not authorized"),
        ],
    )
    def test_what_is_refused_otherwise_ends_the_step(
        self, aws: Aws, code: str, message: str
    ) -> None:
        aws.registry.add_client_error("list_model_packages", code, message)
        with pytest.raises(ClientError, match=message):
            aws.find()

    @pytest.mark.parametrize("status", [403, 404, 400])
    def test_a_model_that_cannot_be_read_is_no_input_of_a_job(self, aws: Aws, status: int) -> None:
        aws.lists(f"{ARN}/1")
        aws.describes(f"{ARN}/1", MODEL)
        aws.holds(status)
        assert aws.find() == {"model_data": NOWHERE, "model_package_arn": f"{ARN}/1"}

    @pytest.mark.parametrize("status", [500, 503])
    def test_a_fault_of_s3_is_not_taken_for_an_answer(self, aws: Aws, status: int) -> None:
        aws.lists(f"{ARN}/1")
        aws.describes(f"{ARN}/1", MODEL)
        aws.holds(status)
        with pytest.raises(ClientError):
            aws.find()

    @pytest.mark.parametrize("model_data", [(), (None,), (MODEL, MODEL)])
    def test_a_version_that_is_not_one_archive_is_only_named(
        self, aws: Aws, model_data: tuple[str | None, ...]
    ) -> None:
        aws.lists(f"{ARN}/1")
        aws.describes(f"{ARN}/1", *model_data)
        assert aws.find() == {"model_data": NOWHERE, "model_package_arn": f"{ARN}/1"}


@pytest.mark.parametrize(
    ("event", "missing"),
    [
        ({}, "model_package_group, no_champion_uri"),
        ({"model_package_group": "dogs", "no_champion_uri": ""}, "no_champion_uri"),
    ],
)
def test_an_event_that_lacks_something_says_what(event: dict[str, str], missing: str) -> None:
    with pytest.raises(ChampionError, match=f"the event lacks {missing}$"):
        handler(event, None)


def test_the_check_knows_its_event_and_answer() -> None:
    from pipeline.job_scripts.interface import FUNCTIONS

    known = FUNCTIONS["find-champion"]
    assert {*known.event, "production_endpoint", "captured_uri"} == set(vars(QUESTION))
    assert set(known.outputs) == {*NONE, "captured"}


@pytest.mark.parametrize(("found", "captured"), [(0, "false"), (1, "true")])
def test_asked_for_it_the_answer_says_whether_requests_were_captured(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, found: int, captured: str
) -> None:
    monkeypatch.setattr(boto3, "client", lambda service: getattr(aws, service))
    aws.lists()
    asked = {"Bucket": "b", "Prefix": "capture/dogs/", "MaxKeys": 1}
    aws.objects.add_response("list_objects_v2", {"KeyCount": found}, asked)
    event = {"model_package_group": "dogs", "no_champion_uri": NOWHERE}
    answer = handler({**event, "captured_uri": "s3://b/capture/dogs/"}, None)
    assert answer == {**NONE, "captured": captured}
