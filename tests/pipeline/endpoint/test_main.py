"""python -m pipeline.endpoint, as people type it. Serving itself: tests/pipeline/local/service."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from deploy_endpoint import deploy
from pipeline.command_line.running import run_command
from pipeline.endpoint import serve
from pipeline.endpoint.__main__ import main
from pipeline.local.service.client import sagemaker_client
from pipeline.local.service.hosting.host import Hosting
from pipeline.local.service.operations.events import RULE
from pipeline.local.service.server import Service
from pipeline.local.store import Store
from production_endpoint import Clients
from tests.pipeline.schema.schema_support import document

ROLE = "arn:aws:iam::111122223333:role/execution"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(store: Store, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command on `store`; answers its exit code, output and errors."""

    def command(*arguments: str, state: Path = store.root) -> tuple[int, str, str]:
        code = run_command(main, [*arguments, "--state", str(state)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


@pytest.fixture
def endpoint(
    store: Store, write_model: Callable[..., Path], register_package: Callable[..., str]
) -> str:
    """An endpoint that was asked for and that nobody has started yet."""
    return _deployed(store, write_model, register_package, "staging")


def _deployed(
    store: Store, write_model: Callable[..., Path], register: Callable[..., str], name: str
) -> str:
    write_model(store.path("s3://b/model.tar.gz"))
    _deploy(store, register(sagemaker_client(store), "s3://b/model.tar.gz"), name)
    return name


def _deploy(store: Store, arn: str, name: str) -> None:
    event = {
        "model_package_arn": arn,
        "endpoint_name": name,
        "instance_type": "ml.m5.large",
        "instance_count": 1,
        "role_arn": ROLE,
    }
    clients = Clients(sagemaker_client(store), lambda: None)
    deploy(event, clients, production="", staging=name)


@pytest.fixture
def jpeg(tmp_path: Path) -> str:
    path = tmp_path / "dog.jpg"
    path.write_bytes(b"\xff\xd8\xff and so on")
    return str(path)


@pytest.fixture
def png(tmp_path: Path) -> str:
    path = tmp_path / "dog.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    return str(path)


@pytest.mark.usefixtures("endpoint")
def test_predict_starts_what_it_needs_ends_it_and_prints_a_table(
    run: Run, store: Store, jpeg: str
) -> None:
    code, out, _ = run("predict", jpeg, "--top", "2")
    lines = [line.split() for line in out.splitlines()]
    assert code == 0
    assert lines == [
        ["File", "Class", "Probability"],
        [jpeg, "beagle", "75.00%"],
        ["other", "25.00%"],
    ]
    assert not list((store.root / "endpoints").glob("model-*"))  # a server removes it as it ends


@pytest.mark.usefixtures("endpoint")
def test_a_refused_picture_shows_the_reason_and_the_others_their_answer(
    run: Run, jpeg: str, png: str
) -> None:
    code, out, err = run("predict", png, jpeg)
    assert (code, err) == (1, "")
    assert "refused (415): no PNG here" in out
    assert "beagle" in out
    answer = document("endpoint predict", run("predict", png, jpeg, "--top", "1", "--json")[1])
    assert answer["endpoint"] == "staging"
    refused, accepted = answer["results"]
    assert refused["error"] == {"status": 415, "message": "no PNG here"}
    assert accepted["top"] == [{"label": "beagle", "probability": 0.75}]


@pytest.mark.usefixtures("endpoint")
def test_of_many_pictures_it_is_shown_how_far_the_asking_is(run: Run, jpeg: str) -> None:
    files = [jpeg, *(str(shutil.copy(jpeg, f"{jpeg}.{number}.jpg")) for number in range(19))]
    code, _, err = run("predict", *files, "--json")
    assert (code, err) == (0, "asking: 20 pictures\n")


@pytest.mark.usefixtures("endpoint")
def test_predict_saves_a_picture_of_the_answers(run: Run, tmp_path: Path, jpeg: str) -> None:
    grid = tmp_path / "grid.png"
    code, out, _ = run("predict", jpeg, "--save", str(grid))
    assert (code, out.splitlines()[-1]) == (0, f"saved {grid}")
    assert grid.read_bytes().startswith(b"\x89PNG")
    code, _, err = run("predict", jpeg, "--save", "grid.txt")
    assert (code, err.count("\n")) == (2, 1)


@pytest.mark.usefixtures("endpoint")
def test_a_model_of_an_older_version_is_said_to_explain_nothing(
    run: Run, tmp_path: Path, jpeg: str
) -> None:
    heat = tmp_path / "heat.png"
    code, out, _ = run("predict", jpeg, "--explain", str(heat))
    assert code == 1
    assert "it answered without saying why" in " ".join(out.split())


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--save", "a.png"), "--explain draws what --save does, and more"),
        (("--csv", "a.csv"), "--explain draws a few pictures, --csv is for many"),
    ],
)
def test_explain_stands_alone(run: Run, jpeg: str, more: tuple[str, str], says: str) -> None:
    code, _, err = run("predict", jpeg, "--explain", "heat.png", *more)
    assert code == 2
    assert says in err


@pytest.mark.usefixtures("endpoint")
def test_predict_asks_about_a_folder_and_goes_on_where_it_ended(
    run: Run, tmp_path: Path, jpeg: str, png: str
) -> None:
    answers = tmp_path / "answers.csv"
    asked = ("predict", str(tmp_path), "--csv", str(answers), "--top", "1")
    code, out, err = run(*asked)
    assert code == 1
    assert f"{png}: 415: no PNG here" in out
    assert f"{answers}: 2 pictures, 1 answered, 1 errors" in out
    assert "asking: 2 pictures" in err
    Path(png).unlink()
    code, out, _ = run(*asked, "--json")
    outcome = document("endpoint predict", out)
    assert (code, outcome["answered"], outcome["answered_before"]) == (0, 0, 1)
    header, row = answers.read_text().splitlines()
    assert header == "file,label,probability,known,score,error,model"
    assert row.startswith(f"{jpeg},beagle,0.75,,,,dogs--1-")
    assert "--csv" in run("predict", str(tmp_path))[2]
    assert run(*asked, "--save", "grid.png")[0] == 2


@pytest.mark.usefixtures("endpoint")
def test_bench_measures_every_concurrency_asked_for(run: Run, jpeg: str, png: str) -> None:
    arguments = ("bench", jpeg, "--concurrency", "1,3", "--seconds", "1")
    code, out, _ = run(*arguments)
    header, *rows = out.splitlines()
    assert code == 0
    assert header.split()[:2] == ["Concurrency", "Requests"]
    assert [row.split()[0] for row in rows] == ["1", "3"]
    code, out, _ = run("bench", png, jpeg, "--concurrency", "2", "--seconds", "1", "--json")
    (level,) = document("endpoint bench", out)["levels"]
    assert (code, set(level["statuses"])) == (1, {"200", "415"})
    assert level["requests"] == sum(level["statuses"].values())
    assert 0 < level["p50"] <= level["p95"] <= level["p99"] <= level["slowest"]


@pytest.mark.parametrize("value", ["0", "1,x", "", "1,257"])
def test_bench_takes_sensible_concurrencies_only(run: Run, jpeg: str, value: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        run("bench", jpeg, "--concurrency", value)
    assert "there is no file" in run("bench", "nowhere.jpg", "--concurrency", "1,256")[2]


def test_predict_asks_a_live_service(
    run: Run, store: Store, service: Service, endpoint: str, jpeg: str
) -> None:
    service.hosting.wake()
    assert service.hosting.settle(60)
    _announce(store, service)
    assert run("predict", jpeg)[0] == 0
    _, row, last = run("status")[1].splitlines()
    assert (row.split()[:2], last) == ([endpoint, "InService"], f"local service: {service.url}")
    assert run("delete", endpoint)[0] == 0
    assert "No default model" in run("predict", jpeg)[1]
    assert "there is no endpoint yet" in run("predict", jpeg, "--endpoint", endpoint)[2]


def test_status_calls_in_service_only_what_answered(
    run: Run, store: Store, service: Service, endpoint: str
) -> None:
    service.hosting.wake()
    assert service.hosting.settle(60)
    service.hosting.forget(endpoint)
    store.path("s3://b/model.tar.gz").unlink()
    _announce(store, service)
    (row,) = document("endpoint status", run("status", "--json")[1])["endpoints"]
    assert (row["status"], row["answers"]) == ("InService", False)
    assert "there is no model at" in row["problem"]
    assert run("status")[1].splitlines()[1].split()[1:3] == ["no", "answer"]
    (store.root / "service.json").unlink()
    assert "its model is gone: " in run("status")[1].splitlines()[1]


def test_credentials_are_lines_for_a_shell(
    run: Run, store: Store, service: Service, endpoint: str, tmp_path: Path
) -> None:
    code, out, err = run("credentials")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "start one with: python -m pipeline.endpoint serve" in err
    _announce(store, service)
    lines = run("credentials")[1]
    asked = "import boto3; print(boto3.client('sagemaker').list_endpoints()['Endpoints'])"
    done = subprocess.run(
        ["bash", "-c", f'eval "$1"; {sys.executable} -c "{asked}"', "bash", lines],
        capture_output=True,
        text=True,
        check=True,
        env={"HOME": str(tmp_path), "AWS_SESSION_TOKEN": "another's"},
    )
    assert f"'EndpointName': '{endpoint}'" in done.stdout
    assert (
        document("endpoint credentials", run("credentials", "--json")[1])[
            "AWS_ENDPOINT_URL_SAGEMAKER"
        ]
        == service.url
    )


class TestWhatServeServes:
    @pytest.fixture
    def served(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, run: Run
    ) -> Callable[..., dict[str, Any]]:
        """What `serve` says with these arguments, as JSON; it ends at once."""
        monkeypatch.setattr(Hosting, "set_default", lambda hosting, archive: None)
        monkeypatch.setattr(serve, "serve_until_stopped", lambda service, greeting: print(greeting))

        def ask(*arguments: str) -> dict[str, Any]:
            _, out, _ = run("serve", "--port", "0", "--json", *arguments)
            found: dict[str, Any] = document("endpoint serve", out)
            return found

        return ask

    @pytest.fixture
    def versions(
        self, store: Store, write_model: Callable[..., Path], register_package: Callable[..., str]
    ) -> list[str]:
        """Three versions that nobody has decided on."""
        write_model(store.path("s3://b/model.tar.gz"))
        client = sagemaker_client(store)
        return [register_package(client, "s3://b/model.tar.gz") for _ in range(3)]

    def _approve(self, store: Store, arn: str, status: str = "Approved") -> None:
        client = sagemaker_client(store)
        client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus=status)

    def test_the_newest_where_none_is_approved_and_that_is_said(
        self, served: Callable[..., dict[str, Any]], versions: list[str]
    ) -> None:
        found = served()
        assert (found["model"], found["approval"]) == ("dogs version 3", "PendingManualApproval")
        assert found["note"] == (
            "version 3 is not approved (PendingManualApproval): "
            "python -m pipeline.registry approve 3"
        )

    def test_the_newest_approved_one_before_a_newer_one(
        self, served: Callable[..., dict[str, Any]], versions: list[str], store: Store
    ) -> None:
        self._approve(store, versions[0])
        self._approve(store, versions[1])
        found = served()
        assert (found["model"], found["approval"]) == ("dogs version 2", "Approved")
        assert found["note"] == "version 3 is newer: --model newest serves that"
        assert served("--model", "newest")["model"] == "dogs version 3"
        assert served("--model", "1")["model"] == "dogs version 1"

    def test_what_production_runs_before_all_others(
        self, served: Callable[..., dict[str, Any]], versions: list[str], store: Store
    ) -> None:
        """As after a rollback: a newer one is approved, too."""
        for arn in versions:
            self._approve(store, arn)
        store.put(RULE, "dogs", {"Group": "dogs", "Endpoint": "dogs-production"})
        _deploy(store, versions[1], "dogs-production")
        found = served()
        assert (found["model"], found["approval"]) == ("dogs version 2", "Approved")
        assert found["note"] == "version 3 is newer: --model newest serves that"


def _announce(store: Store, service: Service) -> None:
    import os

    note = {"pid": os.getpid(), "port": service.port, "url": service.url}
    (store.root / "service.json").write_text(json.dumps(note))


@pytest.mark.usefixtures("endpoint")
def test_status_names_the_version_behind_an_endpoint(run: Run, jpeg: str) -> None:
    before = document("endpoint status", run("status", "--json")[1])
    assert before["service"] is None
    assert before["endpoints"][0]["status"] == "Creating"
    assert before["endpoints"][0]["model_package"].endswith("model-package/dogs/1")
    run("predict", jpeg)
    code, out, _ = run("status")
    header, row, service = out.splitlines()
    assert (code, row.split()[:3]) == (0, ["staging", "idle", "dogs/1"])
    assert service.startswith("local service: not running")
    assert header.split()[0] == "Endpoint"


def test_a_failed_endpoint_says_why(run: Run, store: Store, endpoint: str, jpeg: str) -> None:
    store.path("s3://b/model.tar.gz").unlink()
    code, _, err = run("predict", jpeg)
    assert code == 1
    assert "there is no model at" in err
    assert "there is no model at" in run("status")[1]
    assert f"endpoint {endpoint} failed" in run("predict", jpeg)[2]
    assert document("endpoint delete", run("delete", endpoint, "--json")[1]) == {
        "deleted": endpoint
    }


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("predict", "nowhere.jpg"), 2, "there is no file nowhere.jpg"),
        (("predict", "/"), 2, "/ is a folder"),
        (("predict", __file__, "--endpoint", "x"), 2, "no endpoint 'x'; there are: staging"),
        (("delete", "x"), 2, "no endpoint 'x'; there are: staging"),
        (("serve", "--model", "nowhere.tar.gz"), 2, "there is no file nowhere.tar.gz"),
        (("serve", "--model", "7"), 2, "no version 7 of dogs; there are: 1"),
        (("serve", "--group", "cats"), 2, "no group 'cats'; there are: dogs"),
    ],
)
@pytest.mark.usefixtures("endpoint")
def test_mistakes_are_one_line(
    run: Run, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result, _, err = run(*arguments)
    assert (result, err.count("\n")) == (code, 1)
    assert message in err


def test_a_model_that_does_not_load_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_bytes(b"no archive")
    code, _, err = run("serve", "--port", "0", "--model", str(tmp_path / "model.tar.gz"))
    assert (code, err.count("\n")) == (1, 1)
    assert "not a tar archive" in err


def test_before_the_first_run_the_next_command_is_named(
    run: Run, tmp_path: Path, jpeg: str
) -> None:
    for arguments in (("predict", jpeg), ("status",), ("serve",), ("delete", "x")):
        code, _, err = run(*arguments, state=tmp_path / "nowhere")
        assert (code, err.count("\n")) == (2, 1)
        assert "python -m pipeline.run --local" in err
    assert "there is no endpoint yet" in run("predict", jpeg)[2]
    assert "no endpoints yet" in run("status")[1]
    assert "nothing is registered yet" in run("serve")[2]


def test_with_several_endpoints_one_must_be_chosen(
    run: Run,
    store: Store,
    write_model: Callable[..., Path],
    register_package: Callable[..., str],
    jpeg: str,
) -> None:
    for name in ("staging", "production"):
        _deployed(store, write_model, register_package, name)
    code, _, err = run("predict", jpeg)
    assert code == 2
    assert "choose with --endpoint: production, staging" in err
    assert run("predict", jpeg, "--endpoint", "production")[0] == 0


def test_the_same_request_goes_to_aws(run: Run, monkeypatch: pytest.MonkeyPatch, jpeg: str) -> None:
    access = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
    clients = {name: boto3.client(name, **access) for name in ("sagemaker", "sagemaker-runtime")}
    monkeypatch.setattr(boto3, "client", lambda name, region_name: clients[name])
    monkeypatch.setattr(boto3.Session, "client", lambda self, name: clients[name])
    endpoint = {
        "EndpointName": "e",
        "EndpointArn": "arn:aws:sagemaker:us-east-1:111122223333:endpoint/e",
        "CreationTime": 1_700_000_000,
        "LastModifiedTime": 1_700_000_000,
        "EndpointStatus": "InService",
    }
    with Stubber(clients["sagemaker"]) as stub:
        stub.add_response("list_endpoints", {"Endpoints": [endpoint]}, {})
        stub.add_response("describe_endpoint", endpoint, {"EndpointName": "e"})
        with Stubber(clients["sagemaker-runtime"]) as runtime:
            request = {
                "EndpointName": "e",
                "ContentType": "image/jpeg",
                "Body": Path(jpeg).read_bytes(),
            }
            members = {"OriginalStatusCode": 422, "OriginalMessage": '{"error": {"message": "no"}}'}
            runtime.add_client_error(
                "invoke_endpoint",
                "ModelError",
                "refused",
                424,
                expected_params=request,
                modeled_fields=members,
            )
            code, out, _ = run("predict", jpeg, "--aws", "--region", "us-east-1")
    assert code == 1
    assert "refused (422): no" in out
