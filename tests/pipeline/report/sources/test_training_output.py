"""A file of a training's output is read, or it is said why not."""

import json
from pathlib import Path

import pytest

from pipeline.report.sources.source import Absent
from pipeline.report.sources.training_output import read_json


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "is damaged"), ("[]", "no JSON object"), (None, "no x.json: why")],
)
def test_a_file_that_cannot_be_used_says_so(
    content: str | None, message: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "x.json").write_text(content)
    with pytest.raises(Absent, match=message):
        read_json({}, tmp_path, "x.json", "why")
    with pytest.raises(Absent, match="did not come to its end"):
        read_json({"TrainingJobStatus": "Failed"}, tmp_path, "y.json", "why")
    (tmp_path / "x.json").write_text(json.dumps({"a": 1}))
    assert read_json({}, tmp_path, "x.json", "why") == {"a": 1}
