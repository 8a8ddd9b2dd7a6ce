"""Read the trained network: its layers as the training counted them, and its artifact's facts."""

import json
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.report.section import Section
from pipeline.report.sources.facts import Description
from pipeline.report.sources.source import Absent, Source
from pipeline.report.sources.training_output import read_json

SUMMARY_FILE = "model_summary.json"
DESCRIPTION_FILE = "model.json"
_MAXIMUM_DESCRIPTION = 16 * 1024**2
_HEAVY_LAYERS = 12


@dataclass(frozen=True)
class Layer:
    """A layer of the network. `output`: its output shape without the batch, as text."""

    name: str
    type: str
    output: str
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Model:
    """The trained network. `facts`: lines for people (backbone, artifact size, ...)."""

    layers: tuple[Layer, ...]
    parameters: int | None = None
    trained_parameters: int | None = None
    multiply_adds: int | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


def read_model(job: Description, output: Path | None, description: Mapping[str, Any]) -> Model:
    """Read the network; without model_summary.json only its artifact's facts. Raises Absent."""
    facts = _facts(description)
    try:
        content = read_json(job, output, SUMMARY_FILE, "its layers were not counted")
    except Absent:
        if not facts:
            raise
        return Model((), facts=facts)
    totals = content.get("totals") or {}
    return Model(
        layers=tuple(_layer(item) for item in content.get("layers", [])),
        parameters=totals.get("parameters"),
        trained_parameters=totals.get("trained_parameters"),
        multiply_adds=totals.get("multiply_adds"),
        facts=facts,
    )


def read_description(source: Source, job: Description) -> dict[str, Any]:
    """Read model.json from a job's model.tar.gz, and the archive's size as `archive_bytes`.

    Raises Absent.
    """
    if job.get("TrainingJobStatus") != "Completed":
        raise Absent(f"{job['TrainingJobName']} made no model ({job.get('TrainingJobStatus')})")
    path = source.file(job["ModelArtifacts"]["S3ModelArtifacts"])
    try:
        text = _read_member(path, DESCRIPTION_FILE)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise Absent(f"{path.name} is damaged: {error}") from error
    if text is None:
        raise Absent(f"the model has no {DESCRIPTION_FILE}")
    return {**json.loads(text), "archive_bytes": path.stat().st_size}


def _read_member(path: Path, name: str) -> bytes | None:
    with tarfile.open(path, "r:*") as archive:
        for member in archive:
            if Path(member.name).as_posix() == name and member.isfile():
                content = archive.extractfile(member)
                return content.read(_MAXIMUM_DESCRIPTION) if content else None
    return None


def _layer(item: Mapping[str, Any]) -> Layer:
    shape = item.get("output_shape", item.get("output", ""))
    text = " x ".join(str(n) for n in shape) if isinstance(shape, list) else str(shape)
    return Layer(
        name=str(item["name"]),
        type=str(item["type"]),
        output=text,
        parameters=int(item.get("parameters") or 0),
        multiply_adds=int(item.get("multiply_adds") or 0),
    )


def _facts(description: Mapping[str, Any]) -> dict[str, str]:
    if not description:
        return {}
    pixels, weights = description.get("preprocessing") or {}, description.get("weights_sha256")
    return {
        "backbone": str(description.get("backbone")),
        "weights": f"pretrained, sha256 {weights}" if weights else "random",
        "classes": str(len(description.get("classes") or [])),
        "input": f"{pixels.get('crop')} x {pixels.get('crop')} pixels, RGB",
        "artifact": f"{description['archive_bytes'] / 1e6:.1f} MB",
    }


def heaviest(layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers with the most multiply-adds, in the network's order."""
    chosen = sorted(layers, key=lambda layer: -layer.multiply_adds)[:_HEAVY_LAYERS]
    return [layer for layer in layers if layer in chosen]


def _rows(model: Model) -> dict[str, Any]:
    return {"heaviest": heaviest(model.layers)}


SECTION = Section(
    name="model",
    title="Model",
    place=90,
    turn=95,
    of_training=True,
    read=lambda run: read_model(run.job, run.output, run.description),
    rows=_rows,
)
