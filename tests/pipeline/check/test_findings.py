"""What a user sees of findings, and what a program reads."""

import json
from pathlib import Path

import pytest

from pipeline.check import (
    Finding,
    check_definition,
    findings_json,
    findings_text,
    has_errors,
    read_definition,
)
from pipeline.errors import UsageError

ERROR = Finding("range", "error", "Tune", "$.Steps[2].X", "it is empty", "widen it")
WARNING = Finding("unused-parameter", "warning", "", "$.Parameters[0]", "no use", "remove it")


def test_text_says_place_reason_and_mend_and_counts() -> None:
    assert findings_text([ERROR, WARNING]).splitlines() == [
        "error: step Tune: it is empty  [range]",
        "  at $.Steps[2].X",
        "  mend: widen it",
        "warning: no use  [unused-parameter]",
        "  at $.Parameters[0]",
        "  mend: remove it",
        "1 error, 1 warning",
    ]
    assert findings_text([]) == "0 errors, 0 warnings"


def test_json_holds_the_same() -> None:
    content = json.loads(findings_json([ERROR, WARNING]))
    assert content["errors"] == 1
    assert content["warnings"] == 1
    assert content["findings"][0] == {
        "rule": "range",
        "severity": "error",
        "step": "Tune",
        "path": "$.Steps[2].X",
        "what": "it is empty",
        "mend": "widen it",
    }


def test_warnings_alone_are_no_errors() -> None:
    assert has_errors([ERROR, WARNING])
    assert not has_errors([WARNING])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot read"),
        ("not json", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"Steps": [], "Steps": []}', 'has the name "Steps" twice'),
        ('{"Steps": [{"Name": "A", "Name": "B"}]}', 'has the name "Name" twice'),
        ('{"PipelineDefinition": "{}"}', "--query PipelineDefinition --output text"),
        ("[]", "is not a pipeline definition"),
        ('{"Resources": {}}', "is not a pipeline definition"),
        ('{"Steps": {}}', "is not a pipeline definition"),
        ('{"Steps": ' + "[" * 220 + "]" * 220 + "}", "nested too deep"),
    ],
)
def test_a_file_that_holds_no_definition_is_refused(
    tmp_path: Path, content: str | None, said: str
) -> None:
    file = tmp_path / "definition.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError, match=said):
        read_definition(file)


def test_a_folder_or_bytes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path, tmp_path / "bytes"):
        with pytest.raises(UsageError):
            read_definition(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_definition_is_read(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "definition.json"
    file.write_text('{"Version": "2020-12-01", "Steps": []}', encoding)
    assert read_definition(file) == {"Version": "2020-12-01", "Steps": []}
    assert [f.rule for f in check_definition(read_definition(file))] == ["length"]
