"""Unpack a training job's output.tar.gz and read the files in it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.archives import extract_archive
from pipeline.report.sources.facts import Description, Facts
from pipeline.report.sources.source import Absent, Source

_MAXIMUM_BYTES = 2 * 1024**3


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
        return source.unpacked_output(name)
    return folder


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
