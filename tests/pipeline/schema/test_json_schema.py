"""The documents that commands print have a schema, which does not change unnoticed."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from pipeline.__main__ import main as do
from pipeline.aws.logs import LogTail
from pipeline.aws.start import StartResult
from pipeline.aws.upsert import Superseded, UpsertResult
from pipeline.aws.watch import FailedStep, Outcome
from pipeline.bootstrap.documents import StackChanges
from pipeline.bootstrap.stack import Change
from pipeline.command_line.documents import json_text
from pipeline.command_line.running import ROOT, run_command
from pipeline.local.store import Store
from pipeline.run.on_aws import ServedOutcome
from pipeline.run.smoke_test import Asked
from pipeline.schema.__main__ import main
from pipeline.schema.documents import DOCUMENTS
from pipeline.schema.json_schema import json_schema, schema_of
from tests.pipeline.schema.schema_support import document

Capture = pytest.CaptureFixture[str]
ARN = "arn:aws:sagemaker:us-east-1:111122223333:pipeline/dogs"
TAIL = LogTail(("killed",), None, "aws logs tail /aws/sagemaker")


@pytest.mark.parametrize(
    ("words", "file"), [((), "docs/json.md"), (("--json",), "docs/json-schema.json")]
)
def test_the_files_in_docs_are_those_of_this_tree(
    words: tuple[str, ...], file: str, capsys: Capture
) -> None:
    assert run_command(main, words) == 0
    command = f"python -m pipeline.schema {' '.join(words)} > {file}"
    assert capsys.readouterr().out == (ROOT / file).read_text(), (
        f"what commands print with --json has changed: if a program that reads it can stay as it "
        f"is, run {command} and say so in CHANGELOG.md"
    )


@pytest.mark.parametrize("command", DOCUMENTS)
def test_every_commands_schema_is_one(command: str, capsys: Capture) -> None:
    Draft202012Validator.check_schema(schema_of(command))
    assert run_command(main, [command, "--json"]) == 0
    assert command in json.loads(capsys.readouterr().out)["commands"]


def test_an_unknown_command_is_refused(capsys: Capture) -> None:
    assert run_command(main, ["local", "chek"]) == 2
    assert "did you mean local check?" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["bootstrap --dry-run", "settings gate", "local check"])
def test_what_is_asked_without_a_run_is_one_document(
    words: str, store: Store, capsys: Capture
) -> None:
    own = ["--state", str(store.root)] if words.startswith("local") else []
    assert run_command(do, [*words.split(), "--json", *own]) == 0
    assert document(words.partition(" --")[0].removesuffix(" gate"), capsys.readouterr().out)


# What needs an account: documents as the commands make them.
@pytest.mark.parametrize(
    ("command", "text"),
    [
        (
            "run --upsert",
            UpsertResult("dogs", "updated", ARN, ("definition",), ("s3://b/k",), None, True, 3)
            .to_json(),
        ),
        ("run --upsert", json_text(Superseded("newer"))),
        ("run --upsert --start", StartResult(ARN, "20261129", {"DataUri": "s3://b/d/"}).to_json()),
        ("run --watch", Outcome(ARN, "us-east-1", "Stopped").to_json()),
        (
            "run --watch",
            Outcome(ARN, "us-east-1", "Failed", "why", (FailedStep("Train", "r", TAIL),)).to_json(),
        ),
        (
            "run --upsert --start --wait",
            ServedOutcome(
                Outcome(ARN, "us-east-1", "Succeeded"),
                endpoint="dogs-staging",
                asked=Asked("a.jpg", "beagle", "boxer", 0.5),
                failure="it does not answer",
                log=TAIL,
            ).to_json(),
        ),
        ("bootstrap", json_text(StackChanges("dogs"))),
        (
            "bootstrap",
            json_text(StackChanges("dogs", (Change("Add", "B", "AWS::S3::Bucket", ""),), True, {})),
        ),
    ],
)  # fmt: skip
def test_a_document_is_as_its_schema_says(command: str, text: str) -> None:
    assert document(command, text)


@pytest.mark.parametrize(
    "changed", [{"requests": None}, {"more": 1}, {"concurrency": "1"}], ids=str
)
def test_another_document_is_noticed(changed: dict[str, Any]) -> None:
    times = dict.fromkeys(("p50", "p95", "p99", "slowest"))
    level = {"concurrency": 1, "seconds": 1.0, "requests": 1, "statuses": {}, "per_second": 0.0}
    levels = [{**level, **times, **changed}]
    with pytest.raises(ValidationError):
        document("endpoint bench", json.dumps({"endpoint": "e", "levels": levels}))


def test_members_and_types_have_the_names_that_are_printed() -> None:
    found = json_schema(("data upload",))
    members = found["$defs"]["Transfer"]["properties"]
    assert list(members) == ["uri", "files", "bytes", "present", "copied", "sent"]
