"""Approving and rejecting in the browser: what is said before, what is done, who was first."""

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipeline.command_line.running import ROOT
from pipeline.local.service.client import sagemaker_client
from pipeline.local.service.deployments.deployer import install_deployer
from pipeline.local.service.following import version_in
from pipeline.local.service.server import Service
from pipeline.local.store import Store
from pipeline.settings.loading import load_settings
from tests.patience import PATIENCE
from tests.pipeline.console.registry_support import Exam, RegistryVisitor, hidden, register, visitor

EXAM = Exam(["beagle", "boxer"], [0, 0, 0, 0, 1, 1, 1, 1])
ARN = "arn:aws:sagemaker:us-east-1:111122223333:model-package/dogs"
HOSTILE = '<script>alert(1)</script> & "quotes"'
Register = Callable[..., str]


@pytest.fixture
def console(store: Store, register_package: Register) -> RegistryVisitor:
    """Two versions that nothing deploys."""
    register(store, register_package, EXAM, {0: 1, 1: 1})
    register(store, register_package, EXAM, {0: 1})
    return visitor(store)


def described(store: Store, number: int) -> dict[str, Any]:
    client = sagemaker_client(store)
    package: dict[str, Any] = client.describe_model_package(ModelPackageName=f"{ARN}/{number}")
    return package


def test_before_a_decision_its_consequences_are_said(console: RegistryVisitor) -> None:
    page = console.read("/registry/dogs/2/approve")
    assert "Nothing deploys this group here: only the registry changes." in page
    assert "Against the champion There is no version to compare it with." in page
    assert "75" not in page and "87.5%" in page
    console.send("/registry/dogs/1/approve", reason="the first")
    page = console.read("/registry/dogs/2/approve")
    assert "+12.5 points (95% interval" in page
    assert "Side by side with version 1" in page


def test_a_decision_keeps_its_reason_as_text(console: RegistryVisitor, store: Store) -> None:
    answer = console.send("/registry/dogs/2/approve", reason=f"{HOSTILE}\r\n  and more")
    assert (answer.status_code, answer.headers["location"]) == (303, "/registry/dogs/2")
    package = described(store, 2)
    assert package["ModelApprovalStatus"] == "Approved"
    assert package["ApprovalDescription"] == f"{HOSTILE} and more"
    page = console.get("/registry/dogs/2")
    assert "<script>alert" not in page
    assert f"Reason: {HOSTILE} and more" in console.read("/registry/dogs/2")
    console.send("/registry/dogs/2/reject", reason="after all")
    assert described(store, 2)["ModelApprovalStatus"] == "Rejected"


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (" \r\n ", "say why"),
        ("x" * 1025, "the reason has 1,025 characters; the registry keeps 1,024"),
    ],
)
def test_without_a_reason_nothing_is_decided(
    console: RegistryVisitor, store: Store, reason: str, said: str
) -> None:
    answer = console.send("/registry/dogs/2/approve", reason=reason)
    assert answer.status_code == 409
    assert f'Nothing was decided:</strong> <span class="break">{said}' in answer.text
    assert described(store, 2)["ModelApprovalStatus"] == "PendingManualApproval"


def test_what_somebody_else_decided_meanwhile_is_not_overwritten(
    console: RegistryVisitor, store: Store
) -> None:
    form = hidden(console.get("/registry/dogs/2/approve"))
    sagemaker_client(store).update_model_package(
        ModelPackageArn=f"{ARN}/2", ModelApprovalStatus="Rejected", ApprovalDescription="blurred"
    )
    sent = {**form, "reason": "looks fine"}
    answer = console.client.post("/registry/dogs/2/approve", data=sent)
    assert answer.status_code == 409
    assert "version 2 of dogs is Rejected (blurred) by now" in answer.text
    assert ">looks fine</textarea>" in answer.text
    assert described(store, 2)["ModelApprovalStatus"] == "Rejected"
    # the page that says so has seen the other decision: sent again, it counts
    again = hidden(answer.text) | {"reason": "looked again"}
    answer = console.client.post("/registry/dogs/2/approve", data=again)
    assert answer.status_code == 303
    assert described(store, 2)["ModelApprovalStatus"] == "Approved"


def test_of_two_who_decide_at_once_one_is_told(console: RegistryVisitor, store: Store) -> None:
    other = visitor(store)
    paths = {console: "/registry/dogs/2/approve", other: "/registry/dogs/2/reject"}
    forms = {one: hidden(one.get(path)) | {"reason": path} for one, path in paths.items()}

    def send(one: RegistryVisitor) -> int:
        return int(one.client.post(paths[one], data=forms[one]).status_code)

    with ThreadPoolExecutor(2) as pool:
        statuses = dict(zip(paths, pool.map(send, paths), strict=True))
    assert sorted(statuses.values()) == [303, 409]
    (first,) = (one for one, status in statuses.items() if status == 303)
    assert described(store, 2)["ApprovalDescription"] == paths[first]


def test_only_our_own_form_decides(console: RegistryVisitor, store: Store) -> None:
    form = hidden(console.get("/registry/dogs/2/approve")) | {"reason": "r"}
    path, client = "/registry/dogs/2/approve", console.client
    for change in ({"csrf": "x"}, {"csrf": ""}):
        assert client.post(path, data=form | change).status_code == 403
    foreign = {"origin": "http://evil.example"}
    assert client.post(path, data=form, headers=foreign).status_code == 403
    assert client.post(path, data=form, headers={"host": "evil.example"}).status_code == 403
    assert client.get(f"{path}?reason=r&csrf={form['csrf']}").status_code == 200
    assert described(store, 2)["ModelApprovalStatus"] == "PendingManualApproval"


@pytest.fixture
def live(
    store: Store, service: Service, register_package: Register, write_model: Callable[..., Path]
) -> RegistryVisitor:
    """Three versions with models that answer, the third with one that does not load; a service."""
    note = {"pid": os.getpid(), "port": service.port, "url": service.url}
    (store.root / "service.json").write_text(json.dumps(note))
    install_deployer(store, load_settings(ROOT / "pipeline.yaml", "local", ["project=dogs"]))
    broken = {"code": "def model_fn(model_dir):\n    raise RuntimeError('weights do not fit')\n"}
    for number in (1, 2, 3):
        model = f"s3://b/model-{number}.tar.gz"
        write_model(store.path(model), f"label {number}", **(broken if number == 3 else {}))
        register(store, register_package, EXAM, {}, model=model)
    return visitor(store)


def until(console: RegistryVisitor, path: str, *said: str) -> str:
    """Read a page again and again, as its script does, until it says all that."""
    deadline = time.monotonic() + PATIENCE
    while not all(one in (page := console.read(path)) for one in said):
        assert time.monotonic() < deadline, page
        time.sleep(0.1)
    return page


def test_approved_refused_and_rolled_back(live: RegistryVisitor, store: Store) -> None:
    """One story, as a person goes through it; without the script, by loading pages again."""
    page = live.read("/registry/dogs/1/approve")
    assert "dogs-production does not exist yet: it is created with version 1." in page
    assert "Production then version 1" in page
    assert live.send("/registry/dogs/1/approve", reason="first").status_code == 303
    until(live, "/registry/dogs/1", "Production dogs-production InService version 1")

    page = live.read("/registry/dogs/2/approve")
    assert "dogs-production is updated from version 1 to version 2." in page
    late = live.send("/registry/dogs/2/approve", reason="better", goal="")
    assert late.status_code == 409
    assert "dogs-production has version 1 by now: look again what will happen" in late.text
    live.send("/registry/dogs/2/approve", reason="better")
    until(live, "/registry/dogs", "Production dogs-production InService version 2")

    live.send("/registry/dogs/3/approve", reason="better still")
    page = until(live, "/registry/dogs/3", "The last update failed:")
    assert "weights do not fit" in page
    assert version_in(store, "dogs-production") == 2

    page = live.read("/registry/dogs/rollback?to=1")
    assert "dogs-production goes from version 2 back to version 1." in page
    assert live.send("/registry/dogs/rollback?to=1").status_code == 303
    until(live, "/registry", "Production dogs-production InService version 1")

    for odd, said in (
        ({"to": ""}, "name the version to go back to by its number"),
        ({"to": "9"}, "never had version 9; it had: 1, 2, 3"),
        ({"goal": f"{ARN}/2"}, "dogs-production has version 1 by now"),
    ):
        answer = live.send("/registry/dogs/rollback", **odd)
        assert answer.status_code == 409
        assert said in answer.text

    for number in (3, 2):
        live.send(f"/registry/dogs/{number}/reject", reason="no")
    page = live.read("/registry/dogs/1/reject")
    assert "no other version is approved to take its place" in page
    live.send("/registry/dogs/1/reject", reason="no")
    page = until(live, "/registry/dogs/1", "Refused (")
    assert "no other approved version can take its place" in page


def test_what_nobody_delivers_waits_and_is_delivered_when_asked(
    store: Store, register_package: Register, write_model: Callable[..., Path]
) -> None:
    """As after a console, or a command, that was killed just after its decision."""
    install_deployer(store, load_settings(ROOT / "pipeline.yaml", "local", ["project=dogs"]))
    write_model(store.path("s3://b/model.tar.gz"))
    register(store, register_package, EXAM, {}, model="s3://b/model.tar.gz")
    sagemaker_client(store).update_model_package(
        ModelPackageArn=f"{ARN}/1", ModelApprovalStatus="Approved"
    )
    console = visitor(store)
    page = console.get("/registry/dogs")
    assert "1 decision or event waits to be delivered." in page
    answer = console.client.post("/registry/dogs/deliver", data=hidden(page))
    assert answer.status_code == 303
    until(console, "/registry/dogs", "Production dogs-production InService version 1 Staging")
