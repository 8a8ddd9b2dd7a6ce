"""The commands that deploy on this machine: what approve, reject and rollback say, and end with.

What comes of which decision: tests/lambda_code/test_event_sequences.py.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.command_line.running import ROOT, run_command
from pipeline.endpoint import __main__ as endpoint
from pipeline.local.service import following
from pipeline.local.service.client import sagemaker_client
from pipeline.local.service.deployments.deployer import install_deployer
from pipeline.local.service.server import Service
from pipeline.local.store import Store
from pipeline.registry import __main__ as registry
from pipeline.settings.loading import load_settings
from tests.conftest import ECHO
from tests.pipeline.schema.schema_support import document

Run = Callable[..., tuple[int, str, str]]
BROKEN = "def model_fn(model_dir):\n    raise RuntimeError('weights do not fit')\n"


@pytest.fixture
def run(store: Store, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("registry", "approve", "1")`: its exit code, output and errors."""

    def command(module: str, *arguments: str) -> tuple[int, str, str]:
        main = {"registry": registry.main, "endpoint": endpoint.main}[module]
        code = run_command(main, [*arguments, "--state", str(store.root)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


@pytest.fixture
def versions(
    store: Store, write_model: Callable[..., Path], register_package: Callable[..., str]
) -> None:
    """The third does not load; approvals deploy to dogs-production."""
    install_deployer(store, load_settings(ROOT / "pipeline.yaml", "local", ["project=dogs"]))
    client = sagemaker_client(store)
    for label in ("beagle", "boxer", "broken"):
        code = {"code": BROKEN} if label == "broken" else {}
        write_model(store.path(f"s3://b/{label}.tar.gz"), label, **code)
        register_package(client, f"s3://b/{label}.tar.gz")


@pytest.mark.usefixtures("versions")
def test_decisions_without_a_service_are_done_and_waited_for(run: Run) -> None:
    code, out, err = run("registry", "approve", "1")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "dogs version 1: PendingManualApproval -> Approved",
        "dogs-production: version 1 is in service",
    ]
    code, out, err = run("registry", "approve", "3")
    assert (code, out.splitlines()[-1]) == (1, "dogs-production: version 1 is in service")
    assert "its update failed" in err
    assert "weights do not fit" in err
    code, out, err = run("registry", "reject", "1")
    assert (code, out.splitlines()[-1]) == (1, "dogs-production: version 1 is in service")
    assert "no other approved version can take its place" in err
    assert err.count("\n") == 1


@pytest.mark.usefixtures("versions")
def test_a_model_that_fails_at_every_picture_is_not_in_service(
    run: Run,
    store: Store,
    write_model: Callable[..., Path],
    register_package: Callable[..., str],
) -> None:
    """DescribeEndpoint calls it InService; that it does not answer is seen by asking."""
    code = ECHO.replace("def predict_fn(data, model):", "def predict_fn(data, model):\n    0 / 0")
    code = code.replace('"image/png"', '"image/webp"')
    write_model(store.path("s3://b/failing.tar.gz"), code=code)
    register_package(sagemaker_client(store), "s3://b/failing.tar.gz")
    result, out, err = run("registry", "approve", "4")
    assert (result, out.splitlines()[-1]) == (1, "dogs-production: version 4 does not answer"), err
    assert "the model failed" in err, err


@pytest.mark.usefixtures("versions")
def test_patience_that_runs_out_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_PATIENCE_SECONDS", 0.0)
    code, _, err = run("registry", "approve", "1")
    assert code == 1
    assert "not at rest after 0 s" in err
    assert err.count("\n") == 1


@pytest.mark.usefixtures("versions")
def test_with_a_live_service_the_answers_are_the_same_also_as_json(
    run: Run, store: Store, service: Service
) -> None:
    note = {"pid": os.getpid(), "port": service.port, "url": service.url}
    (store.root / "service.json").write_text(json.dumps(note))
    assert run("registry", "approve", "1")[0] == 0
    approved = document("registry approve", run("registry", "approve", "2", "--json")[1])
    assert approved["production"] == {
        "endpoint": "dogs-production",
        "status": "InService",
        "version": 2,
        "answers": True,
        "problems": [],
    }
    code, out, err = run("endpoint", "rollback")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "dogs-production: from dogs-2 back to dogs-1",
        "dogs-production: version 1 is in service",
    ]
    again = run("endpoint", "rollback", "dogs-production", "--to", "1", "--json")[1]
    assert document("endpoint rollback", again)["action"] == "unchanged"
    code, _, err = run("endpoint", "rollback", "--to", "9")
    assert (code, "never had version 9; it had: 1, 2" in err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("nowhere",), 1, "there is no endpoint nowhere"),
        (("--to", "0"), 2, "0 is not 1 or more"),
    ],
)
@pytest.mark.usefixtures("versions")
def test_what_cannot_be_rolled_back_is_one_line(
    run: Run,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    try:
        result, _, err = run("endpoint", "rollback", *arguments)
    except SystemExit as ended:  # argparse's own
        result, err = int(str(ended.code)), capsys.readouterr().err
    assert result == code
    assert message in err
    assert "Traceback" not in err


def test_before_a_run_nothing_deploys(
    run: Run, store: Store, tmp_path: Path, register_package: Callable[..., str]
) -> None:
    register_package(sagemaker_client(store), "s3://b/m.tar.gz")
    code, out, _ = run("registry", "approve", "1")
    assert (code, out) == (0, "dogs version 1: PendingManualApproval -> Approved\n")
    code, _, err = run("endpoint", "rollback")
    assert (code, err.count("\n")) == (2, 1)
    assert "nothing deploys here yet: python -m pipeline.run --local sets it up" in err


def test_of_several_production_endpoints_one_is_named(run: Run, store: Store) -> None:
    for project in ("cats", "dogs"):
        settings: Any = load_settings(ROOT / "pipeline.yaml", "local", [f"project={project}"])
        install_deployer(store, settings)
    code, _, err = run("endpoint", "rollback")
    assert code == 2
    assert "name one: cats-production, dogs-production" in err
    assert (
        "there is no endpoint cats-production" in run("endpoint", "rollback", "cats-production")[2]
    )
