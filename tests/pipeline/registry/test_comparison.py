"""python -m pipeline.registry compare, as people type it."""

import io
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from pipeline.command_line.running import run_command
from pipeline.local.service.client import sagemaker_client
from pipeline.local.store import Store
from pipeline.registry.__main__ import main
from tests.pipeline.schema.schema_support import document

ARN = "arn:aws:sagemaker:us-east-1:111122223333:model-package/dogs"
MOMENT = datetime(2026, 11, 21, tzinfo=UTC)
DATA, OTHER_DATA = "a" * 64, "b" * 64
Answers = Sequence[tuple[str, str, str]]  # file, label, prediction
Register = Callable[..., str]
Compare = Callable[..., tuple[int, str, str]]

# Ten pictures: the first version is right on 8, the second on 7; on 3 only one of them is.
FILES = [(f"{number}.jpg", "pug" if number < 6 else "boxer") for number in range(10)]


def answers(*wrong: int, files: Sequence[tuple[str, str]] = FILES) -> Answers:
    return [
        (file, label, "cat" if number in wrong else label)
        for number, (file, label) in enumerate(files)
    ]


def evaluation(rows: Answers, data: str = DATA, test: str | None = None) -> dict[str, Any]:
    right = [label == prediction for _, label, prediction in rows]
    classes: dict[str, Any] = {"otter [rare]": {"recall": None, "count": 0}}
    for name in sorted({label for _, label, _ in rows}):
        own = [label == prediction for _, label, prediction in rows if label == name]
        classes[name] = {"recall": sum(own) / len(own), "count": len(own)}
    return {
        "dataset": {"item_count": len(rows)},
        "data_fingerprint": data,
        **({"test_fingerprint": test} if test else {}),
        "multiclass_classification_metrics": {
            "accuracy": {"value": sum(right) / len(right)},
            "accuracy_best_constant_classifier": {"value": 0.5},
            "expected_calibration_error": {"value": 0.1},
            "confusion_matrix": {},
            "per_class": classes,
        },
    }


def lines(rows: Answers) -> str:
    return "".join(
        json.dumps({"file": file, "label": label, "prediction": prediction}) + "\n"
        for file, label, prediction in rows
    )


@pytest.fixture
def register(store: Store, register_package: Callable[..., str]) -> Register:
    """`register(rows, data, status)`: the next version, with what Evaluate wrote for it."""
    client = sagemaker_client(store)

    def make(
        rows: Answers,
        data: str = DATA,
        status: str = "PendingManualApproval",
        test: str | None = None,
    ) -> str:
        folder = store.path(f"s3://b/{len(list(store.root.glob('s3/b/*'))) + 1}")
        folder.mkdir(parents=True)
        (folder / "evaluation.json").write_text(json.dumps(evaluation(rows, data, test)))
        (folder / "predictions.jsonl").write_text(lines(rows))
        uri = f"s3://b/{folder.name}/evaluation.json"
        statistics = {"ContentType": "application/json", "S3Uri": uri}
        arn = register_package(
            client,
            f"s3://b/{folder.name}/model.tar.gz",
            ModelMetrics={"ModelQuality": {"Statistics": statistics}},
        )
        client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus=status)
        return arn

    return make


@pytest.fixture
def compare(store: Store, capsys: pytest.CaptureFixture[str]) -> Compare:
    """Runs the command; its exit code, output and errors."""

    def command(*arguments: str) -> tuple[int, str, str]:
        code = run_command(main, ["compare", *arguments, "--state", str(store.root)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def found(compare: Compare, *arguments: str) -> Any:
    code, out, err = compare(*arguments, "--json")
    assert code == 0, err
    return document("registry compare", out)


def test_side_by_side_on_the_same_pictures(compare: Compare, register: Register) -> None:
    register(answers(0, 1, 2))
    register(answers(2, 8))
    code, out, _ = compare("2", "1")
    rows = [line.split() for line in out.splitlines()]
    assert code == 0
    assert out.startswith("dogs version 2 (PendingManualApproval) against dogs version 1 (Pending")
    assert "accuracy +0.1000 (95 % interval -0.2" in out
    assert "paired on 10 pictures: only version 2 right on 2, only version 1 on 1)" in out
    assert ["accuracy", "0.8000", "0.7000", "+0.1000"] in rows
    assert ["expected", "calibration", "error", "0.1000", "0.1000", "+0.0000"] in rows
    assert "constant" not in out
    assert "warning" not in out
    assert rows[-2:] == [
        ["pug", "0.833", "0.500", "+0.333", "6"],
        ["boxer", "0.750", "1.000", "-0.250", "4"],
    ]


def test_json_holds_it_all(compare: Compare, register: Register) -> None:
    register(answers(0, 1, 2))
    register(answers(2, 8))
    shown = found(compare, "2", "1")
    assert (shown["first"]["version"], shown["second"]["version"]) == (2, 1)
    assert shown["warnings"] == []
    difference = shown["accuracy_difference"]
    assert difference["value"] == pytest.approx(0.1)
    assert -1 < difference["low"] < 0.1 < difference["high"] < 1
    assert (difference["method"], difference["level"]) == ("paired", 0.95)
    assert difference["pairs"] == {"pictures": 10, "only_first": 2, "only_second": 1}
    assert [one["name"] for one in shown["classes"]] == ["pug", "boxer"]
    turned = found(compare, "1", "2")["classes"]
    assert [one["name"] for one in turned] == ["pug", "boxer"]
    assert shown["classes"][1] == {
        "name": "boxer",
        "first": 0.75,
        "second": 1.0,
        "count": 4,
        "difference": -0.25,
    }


@pytest.mark.parametrize(
    ("statuses", "asked", "other"),
    [
        (("Rejected", "PendingManualApproval", "PendingManualApproval"), "3", 2),  # the one before
        (("Approved", "Rejected", "PendingManualApproval"), "newest", 1),  # the champion
        (("Approved", "Approved", "PendingManualApproval"), "3", 2),  # the newest of them
        (("Approved", "PendingManualApproval", "Approved"), "3", 1),  # the one it replaced
        (("PendingManualApproval", "PendingManualApproval", "Approved"), "3", 2),
        (("PendingManualApproval", "Approved", "Rejected"), "1", 2),  # also a newer one
    ],
)
def test_by_default_it_is_the_champion_or_the_version_before(
    compare: Compare, register: Register, statuses: tuple[str, ...], asked: str, other: int
) -> None:
    for number, status in enumerate(statuses):
        register(answers(number), status=status)
    assert found(compare, asked)["second"]["version"] == other


def test_other_test_data_is_compared_with_a_clear_warning(
    compare: Compare, register: Register
) -> None:
    register(answers(0, 1, 2, 3, 4, 5), OTHER_DATA)
    register(answers(2))
    code, out, _ = compare("2", "1")
    assert code == 0
    assert (
        "warning: tested on different data (version 2 on aaaaaaaaaaaa and version 1 on "
        "bbbbbbbbbbbb): a difference may come from the pictures and not from the model\n"
    ) in out
    assert "accuracy +0.5000" in out
    assert "unpaired and so wider, because tested on different data)" in out
    difference = found(compare, "2", "1")["accuracy_difference"]
    assert (difference["method"], difference["pairs"]) == ("unpaired", None)


@pytest.mark.parametrize(
    ("data", "tests", "method"),
    [
        (OTHER_DATA, ("c" * 64, "c" * 64), "paired"),  # only other training pictures
        (DATA, ("c" * 64, "d" * 64), "unpaired"),
        (DATA, ("c" * 64, None), "paired"),  # one of an earlier version: its data set must do
        (OTHER_DATA, ("c" * 64, None), "unpaired"),
    ],
)
def test_what_counts_are_the_test_pictures(
    compare: Compare, register: Register, data: str, tests: tuple[str, str | None], method: str
) -> None:
    register(answers(0), test=tests[0])
    register(answers(2), data, test=tests[1])
    shown = found(compare, "2", "1")
    assert shown["accuracy_difference"]["method"] == method
    assert ("tested on different data" in "".join(shown["warnings"])) == (method == "unpaired")


def test_classes_that_only_one_knows_are_named(compare: Compare, register: Register) -> None:
    register(answers(0), OTHER_DATA)
    register(answers(0, files=[(file, "pug") for file, _ in FILES]))
    shown = found(compare, "2", "1")
    assert "version 2 was not tested on 1 of the other's classes: boxer" in shown["warnings"]
    assert [one["name"] for one in shown["classes"]] == ["pug"]


def test_of_many_such_classes_three_are_named(compare: Compare, register: Register) -> None:
    register(answers(0, files=[(file, f"breed {file[0]}") for file, _ in FILES[:3]]), OTHER_DATA)
    register(answers(0, files=[(file, f"dog {file[0]}") for file, _ in FILES[:4]]))
    warnings = found(compare, "2", "1")["warnings"]
    names = "4 of the other's classes: dog 0, dog 1, dog 2, ..."
    assert f"version 1 was not tested on {names}" in warnings
    names = "3 of the other's classes: breed 0, breed 1, breed 2"
    assert f"version 2 was not tested on {names}" in warnings


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "version 1 has no readable s3://b/1/predictions.jsonl"),
        ("not json", "version 1 has no readable"),
        ('{"file": "a"}', "version 1 has no readable"),
        ("[1]", "version 1 has no readable"),
        ("", "s3://b/1/predictions.jsonl does not name every picture once"),
        (lines([*answers(), *answers()]), "does not name every picture once"),
        (lines(answers()[1:]), "their predictions.jsonl are about different files"),
        (lines([(file, "cat", "cat") for file, _ in FILES]), "are about different files"),
    ],
)
def test_without_pairs_the_reason_is_said(
    compare: Compare, register: Register, store: Store, content: str | None, reason: str
) -> None:
    register(answers(0, 1, 2))
    register(answers(2, 8))
    path = store.path("s3://b/1/predictions.jsonl")
    path.unlink() if content is None else path.write_text(content)
    shown = found(compare, "2", "1")
    difference = shown["accuracy_difference"]
    assert reason in difference["reason"]
    assert difference["value"] == pytest.approx(0.1)
    assert difference["method"] == "unpaired"
    assert shown["warnings"] == []


def test_a_model_that_is_never_right_is_compared_too(compare: Compare, register: Register) -> None:
    register(answers(*range(10)), OTHER_DATA)
    register(answers(2))
    assert found(compare, "2", "1")["accuracy_difference"]["value"] == pytest.approx(0.9)


@pytest.mark.parametrize("dataset", [3, {"item_count": 0}])
def test_an_evaluation_of_somebody_else_is_shown_as_far_as_it_goes(
    compare: Compare, register: Register, store: Store, dataset: Any
) -> None:
    register(answers(2))
    register(answers(2, 8))
    metrics = {"accuracy": {"value": 0.5}, "per_class": [], "f1": "high", "auc": {"value": None}}
    for number in (1, 2):
        store.path(f"s3://b/{number}/evaluation.json").write_text(
            json.dumps({"multiclass_classification_metrics": metrics, "dataset": dataset})
        )
    shown = found(compare, "2", "1")
    assert shown["accuracy_difference"] is None
    assert [one["name"] for one in shown["metrics"]] == ["accuracy"]
    assert "unknown data" in shown["warnings"][0]
    assert compare("2", "1")[0] == 0


def test_what_cannot_be_compared_is_one_line(
    compare: Compare, register: Register, store: Store
) -> None:
    register(answers(0))
    nothing = "dogs has no other approved version, and none before 1: nothing to compare it with"
    assert compare("1") == (2, "", f"error: {nothing}\n")
    same = "error: dogs version 1 is the same: name another to compare\n"
    assert compare("1", "newest") == (2, "", same)
    assert compare("1", "7")[2] == "error: no version 7 of dogs; there are: 1\n"
    register(answers(0))
    store.path("s3://b/2/evaluation.json").unlink()
    code, _, err = compare("1", "2")
    assert (code, err.count("\n")) == (2, 1)
    assert "dogs version 2 has no evaluation.json (any more)" in err


def test_many_classes_are_cut_and_that_is_said(compare: Compare, register: Register) -> None:
    files = [(f"{number}.jpg", f"class {number:03}") for number in range(40)]
    register(answers(*range(20), files=files))
    register(answers(files=files))
    _, out, _ = compare("2", "1")
    assert "5 more classes differ: --json has them all" in out
    assert len([line for line in out.splitlines() if line.startswith("class ")]) == 15


class TestOnAws:
    def test_the_registry_and_the_bucket_are_asked(
        self, compare: Compare, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session = boto3.Session("a", "b", region_name="eu-west-1")
        clients = {name: session.client(name) for name in ("sagemaker", "s3")}
        one, other = answers(2, 8), answers(0, 1, 2)
        with Stubber(clients["sagemaker"]) as registry, Stubber(clients["s3"]) as bucket:
            describe(registry, 2)
            listing = {
                "ModelPackageGroupName": "dogs",
                "ModelApprovalStatus": "Approved",
                "SortBy": "CreationTime",
                "SortOrder": "Descending",
            }
            summary = {
                "ModelPackageArn": f"{ARN}/1",
                "CreationTime": MOMENT,
                "ModelPackageStatus": "Completed",
            }
            page = {"ModelPackageSummaryList": [summary]}
            registry.add_response("list_model_packages", page, listing)
            describe(registry, 1)
            put(bucket, "2/evaluation.json", json.dumps(evaluation(one)))
            put(bucket, "1/evaluation.json", json.dumps(evaluation(other)))
            put(bucket, "2/predictions.jsonl", lines(one))
            put(bucket, "1/predictions.jsonl", lines(other))
            monkeypatch.setattr(boto3, "Session", lambda region_name: Clients(clients))
            shown = found(compare, f"{ARN}/2", "--aws", "--region", "eu-west-1")
            registry.assert_no_pending_responses()
            bucket.assert_no_pending_responses()
        assert shown["accuracy_difference"]["pairs"]["only_first"] == 2


class Clients:
    """A session that hands out these."""

    def __init__(self, clients: dict[str, Any]) -> None:
        self.client = clients.__getitem__


def describe(registry: Stubber, number: int) -> None:
    statistics = {"ContentType": "application/json", "S3Uri": f"s3://b/{number}/evaluation.json"}
    answer = {
        "ModelPackageName": "dogs",
        "ModelPackageGroupName": "dogs",
        "ModelPackageVersion": number,
        "ModelPackageArn": f"{ARN}/{number}",
        "ModelApprovalStatus": "Approved",
        "CreationTime": MOMENT,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "ModelMetrics": {"ModelQuality": {"Statistics": statistics}},
    }
    request = {"ModelPackageName": f"{ARN}/{number}"}
    registry.add_response("describe_model_package", answer, request)


def put(bucket: Stubber, key: str, text: str) -> None:
    body = StreamingBody(io.BytesIO(text.encode()), len(text.encode()))
    bucket.add_response("get_object", {"Body": body}, {"Bucket": "b", "Key": key})
