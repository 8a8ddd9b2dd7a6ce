"""A damaged state is named, and what can be saved is: all versions, their approvals, the runs."""

import importlib
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.command_line.running import run_command
from pipeline.local.__main__ import main
from pipeline.local.database import FILE
from pipeline.local.engine.recovery import lock_held, stop_dead_runs
from pipeline.local.repair import check_state
from pipeline.local.service.client import sagemaker_client
from pipeline.local.store import OddDocumentError, Store
from tests.pipeline.local.runner_support import Lab
from tests.pipeline.local.state_support import PREFIX, registered
from tests.pipeline.schema.schema_support import document

Capture = pytest.CaptureFixture[str]
Damage = Callable[[Path], object]
DAMAGES: dict[str, Damage] = {
    "gone": lambda file: file.unlink(),
    "empty": lambda file: file.write_bytes(b""),
    "garbage": lambda file: file.write_bytes(b"garbage" * 10_000),
    "cut": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "cut to less than a page": lambda file: file.write_bytes(file.read_bytes()[:100]),
    "a page in the middle is lost": lambda file: _overwrite(file, file.stat().st_size // 2, 8192),
    "the end is lost": lambda file: _overwrite(file, file.stat().st_size - 8192, 8192),
    "all but the first page is lost": lambda file: _overwrite(file, 4096, 10**9),
}


def _overwrite(file: Path, start: int, length: int) -> None:
    content = bytearray(file.read_bytes())
    start -= start % 4096
    end = min(len(content), start + length)
    content[start:end] = b"\xa5" * (end - start)
    file.write_bytes(content)


def _closed(store: Store) -> Path:
    """Write the log into the file, as the last process that closes it does."""
    store.close()
    with closing(sqlite3.connect(store.root / FILE)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return store.root / FILE


@pytest.fixture
def lived_in(store: Store) -> Store:
    """State with 20 versions, the last of them approved, and two runs of one step."""
    lab = Lab(store)
    lab.run(lab.processing("A", ""))
    registered(store, 20)
    lab.run(lab.processing("A", ""), pipeline_name="other")
    return store


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_after_a_repair_every_version_approval_and_run_is_there(
    lived_in: Store, damage: Damage, capsys: Capture
) -> None:
    root = lived_in.root
    before = {kind: lived_in.list(kind) for kind in ("ModelPackage", "PipelineExecution")}
    damage(_closed(lived_in))
    assert run_command(main, ["check", "--state", str(root)]) == 1
    assert "next: python -m pipeline.local repair" in capsys.readouterr().out

    assert run_command(main, ["repair", "--state", str(root)]) == 0
    assert "saved: 20 versions, 2 runs" in capsys.readouterr().out
    assert run_command(main, ["check", "--state", str(root)]) == 0
    store = Store(root)
    assert {kind: store.list(kind) for kind in before} == before
    client = sagemaker_client(store)
    assert len(client.list_pipelines()["PipelineSummaries"]) == 2
    made = client.create_model_package(ModelPackageGroupName="dogs")
    assert made["ModelPackageArn"] == f"{PREFIX}/21"


@pytest.mark.parametrize("name", ["garbage", "cut"])
def test_the_damaged_file_is_kept_aside(lived_in: Store, name: str, capsys: Capture) -> None:
    file = _closed(lived_in)
    DAMAGES[name](file)
    damaged = file.read_bytes()
    assert run_command(main, ["repair", "--json", "--state", str(lived_in.root)]) == 0
    aside = Path(document("local repair", capsys.readouterr().out)["aside"])
    assert (aside / FILE).read_bytes() == damaged


def test_a_version_that_was_deleted_does_not_come_back(lived_in: Store) -> None:
    sagemaker_client(lived_in).delete_model_package(ModelPackageName=f"{PREFIX}/20")
    DAMAGES["garbage"](_closed(lived_in))
    assert run_command(main, ["repair", "--state", str(lived_in.root)]) == 0
    store = Store(lived_in.root)
    assert store.get("ModelPackage", "dogs/20") is None
    made = sagemaker_client(store).create_model_package(ModelPackageGroupName="dogs")
    assert made["ModelPackageArn"] == f"{PREFIX}/21"


def test_a_decision_that_the_file_has_lost_comes_back(lived_in: Store, capsys: Capture) -> None:
    """As when its log was removed, or the file was restored from an older one."""
    older = _closed(lived_in).read_bytes()
    client = sagemaker_client(lived_in)
    client.update_model_package(ModelPackageArn=f"{PREFIX}/3", ModelApprovalStatus="Approved")
    client.create_model_package(ModelPackageGroupName="dogs")
    _closed(lived_in).write_bytes(older)
    assert run_command(main, ["check", "--state", str(lived_in.root)]) == 1
    assert "ModelPackage dogs/3: its copy beside is newer" in capsys.readouterr().out
    assert run_command(main, ["repair", "--state", str(lived_in.root)]) == 0
    store = Store(lived_in.root)
    found = {package["ModelPackageVersion"]: package for package in store.list("ModelPackage")}
    assert found[3]["ModelApprovalStatus"] == "Approved"
    assert len(found) == 21


def test_a_run_that_was_killed_is_kept_too(store: Store) -> None:
    execution = {"PipelineExecutionArn": "arn:a/1", "PipelineExecutionStatus": "Executing"}
    store.put("PipelineExecution", "1", execution)
    stop_dead_runs(store)
    before = store.list("PipelineExecution")
    DAMAGES["garbage"](_closed(store))
    assert run_command(main, ["repair", "--state", str(store.root)]) == 0
    assert Store(store.root).list("PipelineExecution") == before


def test_what_is_whole_is_not_touched(lived_in: Store, capsys: Capture) -> None:
    before = _closed(lived_in).read_bytes()
    for command in ("check", "repair"):
        assert run_command(main, [command, "--state", str(lived_in.root)]) == 0
        assert "no problems" in capsys.readouterr().out
    assert (lived_in.root / FILE).read_bytes() == before


def test_the_state_of_a_later_version_is_not_repaired(lived_in: Store, capsys: Capture) -> None:
    with closing(sqlite3.connect(lived_in.root / FILE)) as later:
        later.execute("PRAGMA user_version = 99")
    before = _closed(lived_in).read_bytes()
    for command in ("check", "repair"):
        assert run_command(main, [command, "--state", str(lived_in.root)]) == 1
        assert "of a later version" in "".join(capsys.readouterr())
    assert (lived_in.root / FILE).read_bytes() == before


def test_looking_writes_nothing_and_the_log_is_kept_too(lived_in: Store, tmp_path: Path) -> None:
    state = tmp_path / "killed"
    shutil.copytree(lived_in.root, state)  # with its log, as a kill leaves it
    with (state / FILE).open("r+b") as file:
        file.seek(8192)
        file.write(b"\xa5" * 4096)
    before = {name: (state / name).read_bytes() for name in (FILE, f"{FILE}-wal")}
    assert len(before[f"{FILE}-wal"]) > 0
    run_command(main, ["check", "--state", str(state)])
    assert {name: (state / name).read_bytes() for name in before} == before
    run_command(main, ["repair", "--state", str(state)])
    assert len(Store(state).list("ModelPackage")) == 20


def test_a_state_that_is_worked_on_is_not_repaired(lived_in: Store, capsys: Capture) -> None:
    DAMAGES["garbage"](_closed(lived_in))
    with lock_held(lived_in.root / "runs" / "busy"):
        assert run_command(main, ["repair", "--state", str(lived_in.root)]) == 1
    assert "run busy is at work" in capsys.readouterr().err
    assert (lived_in.root / FILE).read_bytes().startswith(b"garbage")


ODD: dict[str, str | bytes] = {
    "no JSON": '{"ModelPackageArn": "arn',
    "no object": "[1, 2]",
    "nothing": "",
    "another text": "Ä".encode("latin-1"),
    "deep": "[" * 5000,
    "no member of its kind": "{}",
    "a time that is none": '{"CreationTime": {"$time": "yesterday"}}',
    "members of other types": f'{{"ModelPackageArn": "{PREFIX}/1", "ModelPackageGroupName": "dogs",'
    ' "CreationTime": 5, "ModelPackageVersion": "one", "ModelPackageStatus": "Completed"}',
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_one_odd_version_is_named_and_the_others_are_listed(
    store: Store, body: str | bytes, capsys: Capture
) -> None:
    registered(store, 3)
    with store.transaction() as connection:
        query = "UPDATE documents SET body = CAST(? AS TEXT) WHERE name = 'dogs/1'"
        connection.execute(query, (body,))
    client = sagemaker_client(store)
    listed = client.list_model_packages(ModelPackageGroupName="dogs")["ModelPackageSummaryList"]
    assert len(listed) == 2
    if body != "{}":  # which is of no group
        assert "warning: ModelPackage" in capsys.readouterr().err
    made = client.create_model_package(ModelPackageGroupName="dogs")
    assert made["ModelPackageArn"] == f"{PREFIX}/4"


def test_an_odd_document_is_an_error_only_where_it_is_asked_for(store: Store) -> None:
    registered(store, 2)
    with store.transaction() as connection:
        connection.execute("UPDATE documents SET body = '?' WHERE name = 'dogs/1'")
    assert store.get("ModelPackage", "dogs/2")
    with pytest.raises(OddDocumentError, match=r"ModelPackage dogs/1 in .* cannot be used"):
        store.get("ModelPackage", "dogs/1")


def test_an_odd_document_comes_back_from_its_copy(store: Store, capsys: Capture) -> None:
    registered(store, 2)
    before = store.list("ModelPackage")
    with store.transaction() as connection:
        connection.execute("UPDATE documents SET body = '?' WHERE name = 'dogs/1'")
        connection.execute("INSERT INTO documents VALUES ('Model', 'odd', NULL, '?', 99)")
    store.close()
    assert run_command(main, ["repair", "--state", str(store.root)]) == 0
    assert "left out: Model odd" in capsys.readouterr().out
    assert Store(store.root).list("ModelPackage") == before


def test_an_arn_that_is_no_text_is_left_out(store: Store, capsys: Capture) -> None:
    registered(store, 2)
    with store.transaction() as connection:
        connection.execute("UPDATE documents SET arn = CAST(x'61ff' AS TEXT) WHERE name = 'dogs/1'")
        connection.execute("INSERT INTO documents VALUES ('Model', 'odd', x'ff', '{}', 99)")
    store.close()
    assert run_command(main, ["repair", "--state", str(store.root)]) == 0
    assert "left out: Model odd" in capsys.readouterr().out
    assert len(Store(store.root).list("ModelPackage")) == 2


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        ("PipelineExecution", {"PipelineExecutionArn": "a", "PipelineExecutionStatus": None}),
        ("ModelPackage", {"ModelPackageArn": 5}),
        ("HostedModel", {"ModelDataUrl": []}),
    ],
)
def test_a_name_that_is_no_text_is_odd(store: Store, kind: str, document: dict) -> None:
    store.put(kind, "odd", document)
    assert store.list(kind) == []
    (problem,) = check_state(store.root).problems
    assert problem.startswith(f"{kind} odd: its ") and problem.endswith(" is no text")


@pytest.mark.parametrize("kind", ["PipelineExecution", "Endpoint", "DeployRule", "StepCache"])
def test_no_run_trips_over_an_odd_document(lived_in: Store, kind: str) -> None:
    lived_in.put(kind, "odd", {})
    lab = Lab(lived_in)
    assert lab.run(lab.processing("A", "")).status == "Succeeded"


@pytest.mark.parametrize("body", ["{}", "?", '{"CreationTime": 5, "LastModifiedTime": null}'])
def test_no_command_trips_over_odd_documents(
    lived_in: Store, body: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = {row[0] for row in _all(lived_in, "SELECT DISTINCT kind FROM documents")}
    kinds |= {"Endpoint", "EndpointConfig", "Model", "Tags", "DeployRule", "HostedModel"}
    with lived_in.transaction() as connection:
        for number, kind in enumerate(sorted(kinds)):
            values = (kind, "odd", "arn:odd", body, 1000 + number)
            connection.execute("INSERT INTO documents VALUES (?, ?, ?, ?, ?)", values)
    monkeypatch.setenv("PIPELINE_STATE", str(lived_in.root))
    for command in ("registry list --group dogs", "report", "endpoint status", "registry show 20"):
        name, *words = command.split()
        run_main = importlib.import_module(f"pipeline.{name}.__main__").main
        assert run_command(run_main, words) == 0, (command, capsys.readouterr())
    assert run_command(main, ["check"]) == 1
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err


def _all(store: Store, query: str) -> list[tuple[str, ...]]:
    with store.transaction() as connection:
        return list(connection.execute(query))
