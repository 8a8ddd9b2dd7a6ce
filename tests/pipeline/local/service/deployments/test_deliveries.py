"""Approvals on this machine: events reach the real handler, in a process of its own, once."""

import fcntl
import socket
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from pipeline.command_line.running import ROOT
from pipeline.local.jobs import lambdas
from pipeline.local.leftovers import sweep_leftovers
from pipeline.local.service.client import sagemaker_client
from pipeline.local.service.deployments import deliveries
from pipeline.local.service.deployments.deliveries import DELIVERY, Deliveries
from pipeline.local.service.deployments.deployer import (
    DeploymentError,
    call_deployer,
    install_deployer,
)
from pipeline.local.service.operations.events import PENDING, RULE
from pipeline.local.service.server import running_service
from pipeline.local.store import Document, Store
from pipeline.settings.loading import load_settings
from tests.patience import PATIENCE, wait_until

Register = Callable[..., str]


@pytest.fixture
def rule(store: Store) -> Document:
    """Approvals in the group dogs deploy to dogs-production."""
    install_deployer(store, load_settings(ROOT / "pipeline.yaml", "local", ["project=dogs"]))
    (only,) = store.list(RULE)
    return only


@pytest.fixture
def nowhere(held_port: int) -> str:
    """The address of a service that is not there."""
    return f"http://127.0.0.1:{held_port}"


@pytest.fixture
def client(store: Store) -> Any:
    return sagemaker_client(store)


def _approve(client: Any, arn: str, **others: Any) -> None:
    client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved", **others)


class TestEvents:
    def test_without_a_rule_there_is_none(
        self, store: Store, client: Any, register_package: Register
    ) -> None:
        _approve(client, register_package(client, "s3://b/m.tar.gz"))
        assert store.list(PENDING) == []

    @pytest.mark.usefixtures("rule")
    def test_an_approval_has_eventbridges_shape(
        self, store: Store, client: Any, register_package: Register
    ) -> None:
        arn = register_package(client, "s3://b/m.tar.gz")
        assert store.list(PENDING) == []
        _approve(client, arn, ApprovalDescription="good")
        (pending,) = store.list(PENDING)
        event = pending["Event"]
        assert event["detail-type"] == "SageMaker Model Package State Change"
        assert (event["source"], event["resources"]) == ("aws.sagemaker", [arn])
        assert (event["account"], event["region"]) == ("111122223333", "us-east-1")
        detail = event["detail"]
        changed = {"ModelApprovalStatus", "ApprovalDescription"}
        assert set(detail.pop("UpdatedModelPackageFields")) == changed
        package = client.describe_model_package(ModelPackageName=arn)
        for name in ("CreationTime", "LastModifiedTime"):
            utc = package[name].astimezone(UTC)
            assert detail.pop(name) == utc.isoformat(timespec="milliseconds")
        assert package["CreationTime"] < package["LastModifiedTime"]
        assert detail == {
            "ModelPackageGroupName": "dogs",
            "ModelPackageVersion": 1,
            "ModelPackageArn": arn,
            "ModelPackageStatus": "Completed",
            "ModelApprovalStatus": "Approved",
            "ApprovalDescription": "good",
        }

    @pytest.mark.usefixtures("rule")
    def test_other_changes_and_groups_are_not_told(
        self, store: Store, client: Any, register_package: Register
    ) -> None:
        arn = register_package(client, "s3://b/m.tar.gz", ModelApprovalStatus="Approved")
        (pending,) = store.list(PENDING)
        assert "UpdatedModelPackageFields" not in pending["Event"]["detail"]
        client.update_model_package(ModelPackageArn=arn, ApprovalDescription="very good")
        _approve(client, register_package(client, "s3://b/m.tar.gz", "cats"))
        assert len(store.list(PENDING)) == 1


class TestDelivery:
    def test_what_was_decided_while_nobody_listened_is_deployed_later(
        self,
        store: Store,
        rule: Document,
        client: Any,
        register_package: Register,
        write_model: Callable[..., Path],
    ) -> None:
        write_model(store.path("s3://b/m.tar.gz"))
        _approve(client, register_package(client, "s3://b/m.tar.gz"))
        with running_service(store):
            wait_until(lambda: len(store.list(DELIVERY)) == 2)  # the approval, and its end
        approval, end = store.list(DELIVERY)
        assert approval["Answer"]["action"] == "created"
        assert end["Answer"]["reason"] == "dogs-1 is in service already"
        assert store.list(PENDING) == []
        endpoint = client.describe_endpoint(EndpointName=rule["Endpoint"])
        assert endpoint["EndpointStatus"] == "InService"
        config = client.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
        assert config["DataCaptureConfig"]["InitialSamplingPercentage"] == 10
        assert list((store.root / "deployments").iterdir()) == []

    def test_a_run_that_waits_its_turn_at_staging_is_deployed_by_the_event(
        self,
        store: Store,
        rule: Document,
        client: Any,
        register_package: Register,
        write_model: Callable[..., Path],
    ) -> None:
        may_load, answers = store.root / "may-load", []
        for label in ("beagle", "boxer"):
            write_model(store.path(f"s3://b/{label}.tar.gz"), label, after=may_load)
        with running_service(store) as service:
            for label in ("beagle", "boxer"):
                event = {
                    "model_package_arn": register_package(client, f"s3://b/{label}.tar.gz"),
                    "endpoint_name": rule["Staging"],
                    "instance_type": "ml.m5.large",
                    "instance_count": 1,
                    "role_arn": "arn:aws:iam::111122223333:role/dogs-serving",
                }
                answers.append(call_deployer(store, rule, event, service.url))
            assert [one["action"] for one in answers] == ["created", "waiting"]
            may_load.touch()
            wait_until(lambda: len(store.list(DELIVERY)) == 2)  # the end of each
            reply, _ = service.hosting.invoke(rule["Staging"], b"a", {})
        assert b"boxer" in reply.body
        given = [one["Answer"]["action"] for one in store.list(DELIVERY)]
        assert given == ["updated", "unchanged"]

    @pytest.mark.usefixtures("rule")
    def test_what_the_handler_refuses_is_kept_with_its_reason(
        self, store: Store, nowhere: str
    ) -> None:
        event = {"id": "1", "detail-type": "Something Else"}
        store.put(PENDING, "1", {"Group": "dogs", "Event": event})
        with closing(Deliveries(store, nowhere)):
            wait_until(lambda: bool(store.list(DELIVERY)))
        (delivery,) = store.list(DELIVERY)
        assert "nothing is to be done at an event 'Something Else'" in delivery["Error"]

    def test_what_no_rule_asks_for_any_more_is_dropped_oldest_first(
        self, store: Store, nowhere: str
    ) -> None:
        """Of what was delivered the last hundred are kept."""
        names = [str(number) for number in range(102)]
        for name in names:
            store.put(PENDING, name, {"Group": "cats", "Event": {"id": name}})
        with closing(Deliveries(store, nowhere)):
            wait_until(lambda: not store.list(PENDING))
        delivered = store.list(DELIVERY)
        assert [one["Id"] for one in delivered] == names[2:]
        assert not any("Answer" in one for one in delivered)

    @pytest.mark.parametrize("may_finish", [True, False])
    def test_what_was_cut_off_is_delivered_by_the_next(
        self,
        store: Store,
        rule: Document,
        monkeypatch: pytest.MonkeyPatch,
        may_finish: bool,
        nowhere: str,
    ) -> None:
        """The function may finish what it is at, if that does not take too long."""
        variables = rule["Environment"] | {"AWS_MAX_ATTEMPTS": "1"}
        store.put(RULE, "dogs", rule | {"Environment": variables})
        event = {"id": "1", "rollback": {"endpoint_name": "dogs-production"}}
        store.put(PENDING, "1", {"Group": "dogs", "Event": event})
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = nowhere if may_finish else f"http://127.0.0.1:{silent.getsockname()[1]}"
            monkeypatch.setattr(lambdas, "_STOP_PATIENCE_S", PATIENCE if may_finish else 0.1)
            with closing(Deliveries(store, url)):
                wait_until(lambda: any(store.root.glob("deployments/*/event.json")))
        assert any(store.root.glob("deployments/*/answer.json")) == may_finish
        assert len(store.list(PENDING)) == 1
        assert store.list(DELIVERY) == []

    def test_after_a_trouble_it_goes_on(
        self,
        store: Store,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        nowhere: str,
    ) -> None:
        monkeypatch.setattr(deliveries, "_TROUBLED_SECONDS", 0.1)
        (store.root / "deliveries.lock").mkdir()
        store.put(PENDING, "1", {"Group": "cats", "Event": {"id": "1"}})
        with closing(Deliveries(store, nowhere)):
            wait_until(lambda: "cannot be delivered now" in caplog.text)
            (store.root / "deliveries.lock").rmdir()
            wait_until(lambda: not store.list(PENDING))

    def test_only_one_process_delivers_at_a_time(self, store: Store, nowhere: str) -> None:
        store.put(PENDING, "1", {"Group": "cats", "Event": {"id": "1"}})
        with (store.root / "deliveries.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with closing(Deliveries(store, nowhere)):
                time.sleep(0.5)
                assert len(store.list(PENDING)) == 1
        with closing(Deliveries(store, nowhere)):
            wait_until(lambda: not store.list(PENDING))


def test_a_function_that_does_not_even_answer_is_said(
    store: Store, rule: Document, nowhere: str
) -> None:
    broken = rule | {"Environment": {"PYTHONHOME": "/nowhere"}}
    with pytest.raises(DeploymentError, match=r"^Runtime: the function ended without an answer"):
        call_deployer(store, broken, {"rollback": {}}, nowhere)


def test_a_refusal_is_the_handlers_own_words(store: Store, rule: Document, nowhere: str) -> None:
    with pytest.raises(DeploymentError, match=r"^the rollback lacks endpoint_name$"):
        call_deployer(store, rule, {"rollback": {}}, nowhere)


def test_what_a_failed_call_left_is_kept_to_be_read(
    store: Store, rule: Document, nowhere: str
) -> None:
    with pytest.raises(DeploymentError):
        call_deployer(store, rule, {"rollback": {}}, nowhere)
    sweep_leftovers(store)
    (log,) = store.root.glob("deployments/*/log.txt")
    assert "the rollback lacks endpoint_name" in log.read_text()
