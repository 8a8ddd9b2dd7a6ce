"""Read the settings that a tuning's training jobs searched, where each searched several."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.job_scripts.metrics import REGEXES
from pipeline.report.sections.history import Epoch, epoch_of, epochs_of_log
from pipeline.report.sources.source import Absent, Source
from pipeline.report.sources.training_output import open_output, read_json
from pipeline.temporary import temporary_folder
from training_code.searching.settings_table import RESULTS_FILE

_LINE = re.compile(r"\s*setting=(?P<number>\d{1,6}) (?P<rest>.*)")
_ENDS = {
    "Completed": re.compile(r"kept epoch=\d+: "),
    "Stopped": re.compile(r"stopped after epoch=\d+, "),
    "Failed": re.compile(r"failed after epoch=\d+: (.*?)(; settings_done=\d+ of \d+)?$"),
}


@dataclass(frozen=True)
class SettingResult:
    """What became of a setting; `status` is a training job's word, `value` the objective's."""

    number: int
    status: str
    value: float | None = None
    seconds: float | None = None
    failure: str | None = None
    epochs: tuple[Epoch, ...] = field(default=())


Results = Mapping[int, SettingResult]


def read_results(source: Source, job: str, objective: str) -> Results:
    """Read a training job's settings from its output; of one at work, or cut off, from its log."""
    from botocore.exceptions import ClientError

    try:
        description = source.sagemaker.describe_training_job(TrainingJobName=job)
        with temporary_folder("trial") as scratch:
            return results_of_job(description, open_output(source, description, scratch))
    except (Absent, ClientError, OSError, ValueError):
        return results_of_log(source.log(job), objective)


def results_of_job(description: Mapping[str, Any], output: Path | None) -> Results:
    """Read the settings from a job's unpacked output. Raises Absent."""
    return results_of_file(read_json(description, output, RESULTS_FILE, "an older version ran it"))


def results_of_text(text: str) -> Results:
    """Read the settings from the text of settings.json. Raises ValueError."""
    content = json.loads(text)
    return results_of_file(content if isinstance(content, dict) else {})


def results_of_file(content: Mapping[str, Any]) -> Results:
    """Read the settings from the content of settings.json, leaving out what is none."""
    found = [_result(one) for one in content.get("settings") or () if isinstance(one, dict)]
    return {one.number: one for one in found}


def _result(one: Mapping[str, Any]) -> SettingResult:
    epochs = ({name: str(value) for name, value in row.items()} for row in one["epochs"])
    return SettingResult(
        number=int(one["number"]),
        status=str(one["status"]),
        value=one.get("value"),
        seconds=one.get("seconds"),
        failure=one.get("failure"),
        epochs=tuple(epoch_of(row) for row in epochs),
    )


def results_of_log(lines: Iterable[str], objective: str) -> Results:
    """Read the settings from a job's log, as far as it has come."""
    of_setting: dict[int, list[str]] = {}
    for line in lines:
        if found := _LINE.match(line):
            of_setting.setdefault(int(found["number"]), []).append(found["rest"])
    return {n: _result_of_lines(n, rest, objective) for n, rest in of_setting.items()}


def _result_of_lines(number: int, lines: Sequence[str], objective: str) -> SettingResult:
    status, failure = "InProgress", None
    for word, end in _ENDS.items():
        if found := end.match(lines[-1]):
            status, failure = word, found[1] if found.groups() else None
    values = [v for line in lines for v in re.findall(REGEXES.get(objective, "(?!)"), line)]
    value = float(values[-1]) if values and status != "Failed" else None
    return SettingResult(number, status, value, None, failure, epochs_of_log(lines))
