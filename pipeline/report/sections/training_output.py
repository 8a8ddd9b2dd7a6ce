"""Read a training job's output.tar.gz: history, rules, profile, model summary."""

import csv
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.archives import extract_archive
from pipeline.report.contents import Epoch
from pipeline.report.sources.facts import Description, Facts
from pipeline.report.sources.source import Absent, Source

_MAXIMUM_BYTES = 2 * 1024**3
_COLUMNS = ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy")
_METRIC = re.compile(r"\b(epoch|train_loss|train_accuracy|valid_loss|valid_accuracy)=(\S+)")


def output_uri(job: Description) -> str:
    """Return the S3 address of a training job's output.tar.gz, beside its model."""
    prefix = str(job["OutputDataConfig"]["S3OutputPath"]).rstrip("/")
    return f"{prefix}/{job['TrainingJobName']}/output/output.tar.gz"


def open_output(source: Source, job: Description, scratch: Path) -> Path | None:
    """Unpack a training job's output below `scratch`; return its folder, None when it has none.

    Of a failed job it is what the job left behind, where that is kept.
    """
    name = str(job["TrainingJobName"])
    folder = scratch / name
    try:
        archive = source.file(output_uri(job))
        folder.mkdir(parents=True)
        extract_archive(archive, folder, _MAXIMUM_BYTES)
    except Absent:
        return source.left_behind(name)
    return folder


def read_history(source: Source, job: Description, output: Path | None) -> tuple[Epoch, ...]:
    """Read the epochs from history.csv; of an unfinished training from its log. Raises Absent."""
    path = output / "history.csv" if output else None
    if path and path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            epochs = tuple(_epoch(row) for row in csv.DictReader(file))
    else:
        epochs = epochs_of_log(source.log(str(job["TrainingJobName"])))
    if not epochs:
        raise Absent(f"{job['TrainingJobName']} completed no epoch")
    return epochs


def epochs_of_log(lines: Sequence[str]) -> tuple[Epoch, ...]:
    """Parse the epochs from a training's metric lines, each once."""
    found = {}
    for line in lines:
        values = dict(_METRIC.findall(line))
        if {"epoch", *_COLUMNS} <= set(values) and values["epoch"].isdecimal():
            epoch = _epoch(values)
            found[epoch.epoch] = epoch
    return tuple(found.values())


def best_epoch(history: Sequence[Epoch]) -> int | None:
    """Return the epoch that was kept: highest validation accuracy, among equals lowest loss."""
    ranked = [e for e in history if math.isfinite(e.valid_loss)]
    best = max(ranked, key=lambda e: (e.valid_accuracy, -e.valid_loss), default=None)
    return best.epoch if best else None


def read_json(job: Description, output: Path | None, name: str, why: str) -> Mapping[str, Any]:
    """Read a JSON file of a training's output.

    Raises Absent; `why` is the reason given when a finished training has not written it.
    """
    path = output / name if output else None
    if path is None or not path.is_file():
        status = job.get("TrainingJobStatus", "Completed")
        early = "it did not come to its end" if status in ("Failed", "Stopped") else None
        raise Absent(f"the training left no {name}: {early or why}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Absent(f"{name} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise Absent(f"{name} holds no JSON object")
    return content


def training_job(facts: Facts) -> Description:
    """Return the Describe answer of the final training job. Raises Absent."""
    return facts.job_of_kind("TrainingJob")[1]


def _epoch(row: Mapping[str, str]) -> Epoch:
    values = {name: _number(row[name]) for name in _COLUMNS}
    return Epoch(epoch=int(row["epoch"]), **values, phase=row.get("phase") or None)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
