"""Two consoles and a command line at once: what one decides the others know."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.command_line.running import ROOT
from pipeline.local.store import Store
from tests.pipeline.console.registry_support import Exam, RegistryVisitor, hidden, register, visitor

EXAM = Exam(["beagle", "boxer"], [0, 0, 0, 0, 1, 1, 1, 1])
Register = Callable[..., str]
Command = Callable[..., str]


@pytest.fixture
def consoles(store: Store, register_package: Register) -> Sequence[RegistryVisitor]:
    """Two, over three versions that nothing deploys."""
    for wrong in ({0: 1, 1: 1}, {0: 1}, {}):
        register(store, register_package, EXAM, wrong)
    return visitor(store), visitor(store)


@pytest.fixture
def command(store: Store) -> Command:
    """Runs `python -m pipeline.registry` on the same state, as a process of its own."""

    def run(*words: str) -> str:
        line = [sys.executable, "-m", "pipeline.registry", *words, "--state", str(store.root)]
        return subprocess.run(line, cwd=ROOT, check=True, capture_output=True, text=True).stdout

    return run


def states(command: Command) -> dict[int, str]:
    """What the command line lists, by version."""
    listed = json.loads(command("list", "--json"))
    return {one["version"]: one["status"] for one in listed}


def test_a_command_that_decides_in_between_is_not_overwritten(
    consoles: Sequence[RegistryVisitor], command: Command
) -> None:
    one, other = consoles
    form = hidden(one.get("/registry/dogs/3/approve")) | {"reason": "all right"}
    assert other.send("/registry/dogs/2/approve", reason="good enough").status_code == 303
    command("reject", "3", "--reason", "blurred")

    late = one.client.post("/registry/dogs/3/approve", data=form)
    assert late.status_code == 409
    assert "version 3 of dogs is Rejected (blurred) by now" in late.text
    for console in consoles:
        assert "Reason: blurred" in console.read("/registry/dogs/3")
        assert "Reason: good enough" in console.read("/registry/dogs/2")
    assert states(command) == {3: "Rejected", 2: "Approved", 1: "PendingManualApproval"}


def test_decisions_of_three_at_once_all_count(
    consoles: Sequence[RegistryVisitor], command: Command
) -> None:
    one, other = consoles
    with ThreadPoolExecutor(3) as pool:
        done = [
            pool.submit(one.send, "/registry/dogs/1/reject", reason="of one"),
            pool.submit(other.send, "/registry/dogs/2/approve", reason="of the other"),
            pool.submit(command, "approve", "3", "--reason", "of the command"),
        ]
    assert [each.result().status_code for each in done[:2]] == [303, 303]
    assert states(command) == {3: "Approved", 2: "Approved", 1: "Rejected"}
    for console in consoles:
        for number, who in ((1, "one"), (2, "the other"), (3, "the command")):
            assert f"Reason: of {who}" in console.read(f"/registry/dogs/{number}")
