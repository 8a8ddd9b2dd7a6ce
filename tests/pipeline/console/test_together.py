"""Two consoles and a command line at once: all see the same, nobody undoes what he has not seen."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipeline.command_line.running import run_command
from pipeline.local.service.client import sagemaker_client
from pipeline.local.store import Store
from pipeline.registry.__main__ import main as registry
from tests.pipeline.console.account_support import Cloud
from tests.pipeline.console.account_support import visitor as account_visitor
from tests.pipeline.console.registry_support import Exam, RegistryVisitor, hidden, register, visitor
from tests.pipeline.local.runner_support import OUTPUT, Lab

ARN = "arn:aws:sagemaker:us-east-1:111122223333:model-package/dogs"
EXAM = Exam(["beagle", "boxer"], [0, 0, 1, 1])
Both = tuple[RegistryVisitor, RegistryVisitor]
Register = Callable[..., str]


@pytest.fixture(params=["here", "aws"])
def both(
    request: pytest.FixtureRequest, store: Store, tmp_path: Path, register_package: Register
) -> Both:
    """Two consoles on this machine, or two of an account, over one version."""
    register(store, register_package, EXAM, {})
    if request.param == "here":
        return visitor(store), visitor(store)
    return (
        account_visitor(Cloud(store), tmp_path / "first"),
        account_visitor(Cloud(store), tmp_path / "second"),
    )


def decide_by_command(store: Store, verb: str, reason: str) -> int:
    """Type `python -m pipeline.registry approve 1`, or reject."""
    return run_command(registry, [verb, "1", "--reason", reason, "--state", str(store.root)])


def decided(store: Store) -> tuple[str, str]:
    package = sagemaker_client(store).describe_model_package(ModelPackageName=f"{ARN}/1")
    return package["ModelApprovalStatus"], package.get("ApprovalDescription", "")


def send(console: RegistryVisitor, form: dict[str, str], verb: str, reason: str) -> Any:
    return console.client.post(f"/registry/dogs/1/{verb}", data={**form, "reason": reason})


def test_what_one_decided_the_other_does_not_undo_unseen(both: Both, store: Store) -> None:
    first, second = both
    forms = [hidden(console.get("/registry/dogs/1/approve")) for console in both]
    assert send(first, forms[0], "approve", "good").status_code == 303
    answer = send(second, forms[1], "reject", "bad")
    assert answer.status_code == 409
    assert "is Approved (good) by now: somebody decided meanwhile" in answer.text
    assert decided(store) == ("Approved", "good")
    assert all("Reason: good" in console.read("/registry/dogs/1") for console in both)
    assert second.send("/registry/dogs/1/reject", reason="seen, and bad").status_code == 303
    assert decided(store) == ("Rejected", "seen, and bad")


def test_what_the_command_line_decided_both_are_told(both: Both, store: Store) -> None:
    forms = [hidden(console.get("/registry/dogs/1/approve")) for console in both]
    assert decide_by_command(store, "reject", "typed") == 0
    for console, form in zip(both, forms, strict=True):
        answer = send(console, form, "approve", "clicked")
        assert answer.status_code == 409
        assert "is Rejected (typed) by now" in answer.text
        assert "Rejected" in console.read("/registry")
    assert decided(store) == ("Rejected", "typed")


def test_of_many_who_decide_at_once_one_counts_and_all_see_it(
    store: Store, register_package: Register
) -> None:
    register(store, register_package, EXAM, {})
    both = visitor(store), visitor(store)
    forms = [hidden(console.get("/registry/dogs/1/approve")) for console in both]
    with ThreadPoolExecutor(3) as pool:
        clicked = [
            pool.submit(send, both[number % 2], forms[number % 2], verb, f"{verb} {number}")
            for number, verb in enumerate(("approve", "reject") * 3)
        ]
        typed = pool.submit(decide_by_command, store, "approve", "typed")
    codes = [one.result().status_code for one in clicked]
    assert typed.result() == 0
    assert set(codes) <= {303, 409} and codes.count(303) <= 1
    # who types has not looked, and so decides after whoever was first, or alone
    assert decided(store) == ("Approved", "typed")
    pages = {console.read("/registry/dogs/1") for console in both}
    assert len(pages) == 1 and "Reason: typed" in pages.pop()


def test_a_run_of_anybody_is_in_every_list_at_once(store: Store) -> None:
    both, lab = (visitor(store), visitor(store)), Lab(store)
    assert all("There are no runs yet" in console.read("/runs") for console in both)
    step = lab.processing("Step", "", outputs=["out"], arguments=[OUTPUT])
    run = lab.run(step).execution_id
    lists = {console.read("/runs") for console in both}
    assert len(lists) == 1 and run in lists.pop()
