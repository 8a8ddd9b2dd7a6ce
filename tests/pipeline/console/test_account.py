"""The console of an account: the same pages, by the API, and what it costs to look."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.service.client import sagemaker_client
from pipeline.local.store import Store
from tests.pipeline.aws.watch_support import LINES
from tests.pipeline.console.account_support import Cloud, create_endpoint, visitor
from tests.pipeline.console.pages.pages_support import send
from tests.pipeline.console.registry_support import Exam, RegistryVisitor, hidden, register, words
from tests.pipeline.local.runner_support import OUTPUT, Lab

EXAM = Exam(["beagle", "boxer"], [0, 0, 0, 0, 1, 1, 1, 1])
ARN = "arn:aws:sagemaker:us-east-1:111122223333:model-package/dogs"
EVALUATE = """
import json, sys
from pathlib import Path
metrics = {"accuracy": {"value": 0.75}}
text = json.dumps({"multiclass_classification_metrics": metrics})
(Path(sys.argv[1]) / "evaluation" / "evaluation.json").write_text(text)
"""
Register = Callable[..., str]


@pytest.fixture
def cloud(store: Store) -> Cloud:
    return Cloud(store)


@pytest.fixture
def console(cloud: Cloud, tmp_path: Path) -> RegistryVisitor:
    return visitor(cloud, tmp_path / "console")


@pytest.fixture
def versions(store: Store, register_package: Register) -> None:
    """Two versions; the first is approved."""
    for wrong in ({0: 1, 1: 1}, {0: 1}):
        register(store, register_package, EXAM, wrong)
    decide(store, 1, "Approved", "the first")


def decide(store: Store, number: int, status: str, reason: str) -> None:
    """Decide as another program does."""
    sagemaker_client(store).update_model_package(
        ModelPackageArn=f"{ARN}/{number}", ModelApprovalStatus=status, ApprovalDescription=reason
    )


def described(store: Store, number: int) -> Any:
    package = sagemaker_client(store).describe_model_package(ModelPackageName=f"{ARN}/{number}")
    return package["ModelApprovalStatus"], package.get("ApprovalDescription")


def endpoint(store: Store, name: str, number: int) -> None:
    """Create an endpoint of a version."""
    create_endpoint(store, name, f"{ARN}/{number}")


def run_of(store: Store, *, fails: bool = False) -> str:
    """Run a step that evaluates, or fails; return the run's id."""
    lab = Lab(store)
    script = "raise SystemExit('no such class')" if fails else EVALUATE
    step = lab.processing("Evaluate", script, outputs=["evaluation"], arguments=[OUTPUT])
    return lab.run(step).execution_id


def test_runs_are_listed_with_what_they_reached(console: RegistryVisitor, store: Store) -> None:
    failed, run = run_of(store, fails=True), run_of(store)
    page = console.get("/runs")
    assert page.index(f"/runs/{run}") < page.index(f"/runs/{failed}")
    assert "75.0%" in page
    assert "Start a run" not in page
    assert "AWS 111122223333, us-east-1: pipeline</footer>" in page


def test_a_run_has_its_steps_and_what_a_failed_job_printed_last(
    console: RegistryVisitor, store: Store
) -> None:
    run = run_of(store, fails=True)
    page = console.read(f"/runs/{run}")
    assert "Evaluate Processing Failed" in page
    assert " ".join(LINES) in " ".join(page.split())
    assert f'href="/runs/{run}/logs/Evaluate"' in console.get(f"/runs/{run}")
    for other in ("nothere", "a.b", "a:pipeline"):
        assert f"there is no run {other}" in console.read(f"/runs/{other}", 404).replace(
            "arn:aws:sagemaker:us-east-1:111122223333:pipeline/pipeline/execution/", ""
        )


@pytest.mark.usefixtures("versions")
def test_versions_are_listed_shown_and_compared(console: RegistryVisitor) -> None:
    page = console.read("/registry")
    assert "2 Pending 87.5%" in page and "1 Approved champion 75.0%" in page
    assert "Reason: the first" in console.read("/registry/dogs/1")
    page = console.read("/registry/dogs/compare?first=2&second=1")
    assert "+12.5 points" in page and "paired on 8 pictures" in page


@pytest.mark.usefixtures("versions")
def test_a_decision_is_done_with_its_reason(console: RegistryVisitor, store: Store) -> None:
    assert "dogs-production does not exist yet" in console.read("/registry/dogs/2/approve")
    answer = console.send("/registry/dogs/2/approve", reason="better")
    assert answer.headers["location"] == "/registry/dogs/2"
    assert described(store, 2) == ("Approved", "better")
    assert "Reason: better" in console.read("/registry/dogs/2")
    console.send("/registry/dogs/2/reject", reason="after all")
    assert described(store, 2) == ("Rejected", "after all")


@pytest.mark.usefixtures("versions")
def test_who_decides_on_what_is_out_of_date_is_told(console: RegistryVisitor, store: Store) -> None:
    form = hidden(console.get("/registry/dogs/2/approve"))
    decide(store, 2, "Rejected", "by somebody else")
    answer = console.client.post("/registry/dogs/2/approve", data={**form, "reason": "better"})
    assert answer.status_code == 409
    assert "somebody decided meanwhile, nothing was changed" in answer.text
    assert described(store, 2) == ("Rejected", "by somebody else")


@pytest.mark.usefixtures("versions")
def test_rolling_back_asks_the_function_that_deploys(
    console: RegistryVisitor, store: Store, cloud: Cloud
) -> None:
    decide(store, 2, "Approved", "better")
    endpoint(store, "dogs-production", 2)
    words = console.read("/registry/dogs/rollback")
    assert "Back to which version?" in words and "Roll back to version 1" in words
    answer = console.send("/registry/dogs/rollback")
    assert answer.headers["location"] == "/registry/dogs"
    [(path, event)] = cloud.invoked
    assert path.endswith("/functions/pipeline-deploy-endpoint/invocations")
    assert event == {"rollback": {"endpoint_name": "dogs-production", "version": "1"}}


@pytest.mark.usefixtures("versions")
def test_endpoints_are_shown_and_not_asked(
    console: RegistryVisitor, store: Store, cloud: Cloud
) -> None:
    endpoint(store, "dogs-production", 1)
    assert "dogs-production" in console.read("/endpoints")
    assert "Local service" not in console.read("/endpoints")
    page = console.read("/endpoints/dogs-production")
    assert "Version dogs/1" in page and "Requests 0; 0 were refused (4xx), 0 failed (5xx)" in page
    assert "Measure" not in page and "Delete" not in page
    assert "InvokeEndpoint" not in cloud.sent
    console.get("/endpoints/none", 404)


@pytest.mark.usefixtures("versions")
def test_an_endpoint_answers_about_a_picture_or_says_that_it_may_not_be_asked(
    console: RegistryVisitor, store: Store, cloud: Cloud
) -> None:
    endpoint(store, "dogs-production", 1)
    path, picture = "/endpoints/dogs-production/ask", [("a.jpg", b"\xff\xd8\xff and so on")]
    page = words(send(console, path, picture))
    assert "beagle 75" in page and "loaded" not in page
    cloud.refused["invocations"] = ("AccessDeniedException", "InvokeEndpoint is not for you")
    assert "InvokeEndpoint is not for you" in words(send(console, path, picture))


@pytest.mark.usefixtures("versions")
def test_who_may_not_decide_is_told_on_the_page(
    console: RegistryVisitor, store: Store, cloud: Cloud
) -> None:
    cloud.refused["UpdateModelPackage"] = ("AccessDeniedException", "approving is not for you")
    answer = console.send("/registry/dogs/2/approve", reason="better")
    assert answer.status_code == 409
    assert "Nothing was decided:" in answer.text and "approving is not for you" in answer.text
    assert 'name="reason"' in answer.text and ">better</textarea>" in answer.text


@pytest.mark.usefixtures("versions")
def test_of_a_group_of_other_settings_nothing_is_said_to_happen(
    console: RegistryVisitor, store: Store, register_package: Register
) -> None:
    register_package(sagemaker_client(store), "s3://b/model.tar.gz", group="cats")
    assert "Versions" in console.read("/registry")
    for path in ("/registry/cats", "/registry/cats/1/approve"):
        assert "these settings deploy dogs, and nobody here knows who deploys cats" in console.read(
            path, 404
        )


@pytest.mark.parametrize("path", ["/start", "/started/abc", "/runs/abc/report"])
def test_what_is_about_this_machine_says_so(
    console: RegistryVisitor, tmp_path: Path, path: str
) -> None:
    assert "which python -m pipeline.console shows without --aws" in console.read(path, 404)
    assert list((tmp_path / "console").iterdir()) == []


@pytest.mark.parametrize(
    "path", ["/start", "/runs/abc/again", "/service/start", "/endpoints/e/delete"]
)
def test_nothing_is_done_on_this_machine_instead(
    console: RegistryVisitor, tmp_path: Path, path: str
) -> None:
    assert console.post(path).status_code == 400
    assert list((tmp_path / "console").iterdir()) == []


@pytest.mark.parametrize(
    "answer",
    [
        ("ExpiredTokenException", 403, "the AWS credentials have expired: log in"),
        ("AccessDeniedException", 403, "not allowed: so it is"),
        ("InternalFailure", 502, "InternalFailure: so it is"),
    ],
)
@pytest.mark.parametrize(
    "question",
    [
        ("/runs", "ListPipelineExecutions"),
        ("/runs/abc", "DescribePipelineExecution"),
        ("/registry", "ListModelPackageGroups"),
        ("/endpoints", "ListEndpoints"),
        ("/data", "ListPipelineExecutions"),
        ("/data/abc", "DescribePipelineExecution"),
        ("/runs/abc/logs/Train", "DescribePipelineExecution"),
    ],
)
def test_errors_of_aws_are_one_line(
    console: RegistryVisitor, cloud: Cloud, question: tuple[str, str], answer: tuple[str, int, str]
) -> None:
    (path, operation), (code, status, said) = question, answer
    cloud.refused[operation] = (code, "so it is")
    page = console.read(path, status)
    assert page.count(said) == 1
    assert "Traceback" not in page


def test_a_part_that_may_not_be_read_is_named(
    console: RegistryVisitor, cloud: Cloud, store: Store
) -> None:
    run_of(store)
    cloud.refused["ListPipelineExecutionSteps"] = ("AccessDeniedException", "not you")
    page = console.read("/runs")
    assert "Not all is known:" in page and "not you" in page
    cloud.refused.clear()
    console.console.place.look_again()
    assert "75.0%" in console.read("/runs")


@pytest.mark.usefixtures("versions")
def test_looking_again_costs_no_requests(
    console: RegistryVisitor, cloud: Cloud, store: Store
) -> None:
    run, counts = run_of(store), {}
    for name in ("dogs-production", "dogs-staging"):
        endpoint(store, name, 1)
    for path in (
        "/runs",
        f"/runs/{run}",
        f"/runs/{run}/logs/Evaluate",
        "/registry",
        "/registry/dogs/2",
        "/registry/dogs/compare",
        "/endpoints",
        "/endpoints/dogs-production",
    ):
        console.console.place.look_again()
        before = len(cloud.sent)
        console.get(path)
        counts[path] = len(cloud.sent) - before
        console.get(path)
        assert len(cloud.sent) - before == counts[path], path
    assert max(counts.values()) <= 20


def test_of_a_run_that_has_ended_nothing_is_asked_again(
    console: RegistryVisitor, cloud: Cloud, store: Store
) -> None:
    run_of(store)
    console.get("/runs")
    console.console.place.look_again()
    before = len(cloud.sent)
    console.get("/runs")
    assert cloud.sent[before:] == ["ListPipelineExecutions"]
