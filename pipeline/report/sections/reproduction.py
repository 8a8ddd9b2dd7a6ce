"""Tell how to repeat a run, and what has to be equal for the same result."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from pipeline.definition.steps import own_arguments, written_steps
from pipeline.job_scripts.searched import trained_with
from pipeline.report.advice import Adviser, settings_of
from pipeline.report.run_command import run_command
from pipeline.report.section import Inputs, Section
from pipeline.report.sections.dataset import SECTION as DATASET
from pipeline.report.sources.facts import Description, Facts
from pipeline.report.sources.source import Source

DEFINITION_FILE = "definition.json"
_DIRTY = "-dirty"
_OWN = ("sagemaker_", "_tuning")


@dataclass(frozen=True)
class Reproduction:
    """The commands that repeat a run, and all that must be equal for the same result.

    `adviser` knows the run's command, to advise a change of it.
    """

    commands: tuple[str, ...]
    commit: str | None = None
    seeds: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    adviser: Adviser = field(default_factory=Adviser)


def read_reproduction(
    source: Source, facts: Facts, description: Mapping[str, Any], data: str | None
) -> Reproduction:
    """Read how to repeat a run from its definition, parameters and model; works for any run."""
    commit = facts.parameters.get("GitCommit")
    trained = _hyperparameters(facts)
    command = run_command(source, facts)
    return Reproduction(
        commands=_commands(command, commit),
        commit=commit if commit != "unknown" else None,
        seeds=_seeds(facts),
        versions={name: str(v) for name, v in (description.get("versions") or {}).items()},
        fingerprints=_fingerprints(facts, description, data),
        parameters=dict(facts.parameters),
        hyperparameters=trained,
        adviser=Adviser(command, settings_of(facts.chosen)),
    )


def _commands(command: str, commit: str | None) -> tuple[str, ...]:
    known = commit.removesuffix(_DIRTY) if commit and commit != "unknown" else None
    commands = [f"git checkout {known}"] if known else []
    if commit and commit.endswith(_DIRTY):
        commands.append("# that tree had changes which no commit holds")
    commands.append(command)
    commands.append(f"python -m pipeline.run --diff {DEFINITION_FILE}   # beside this report")
    return tuple(commands)


def _hyperparameters(facts: Facts) -> dict[str, str]:
    for job in facts.jobs.values():
        if "TrainingJobName" in job:
            return own_hyperparameters(job)
    return {}


def own_hyperparameters(job: Description) -> dict[str, str]:
    """Return a training job's hyperparameters without those of SageMaker's own."""
    given = trained_with(job)
    return {n: v.strip('"') for n, v in given.items() if not n.startswith(_OWN)}


def _seeds(facts: Facts) -> dict[str, str]:
    """Return every seed in the definition by step: of arguments, hyperparameters and the tuner."""
    found: dict[str, str] = {}
    for step in written_steps(facts.definition):
        for name, value in _seeds_in(own_arguments(step.node.value)):
            found[f"{step.name} {name}"] = value
    return found


def _seeds_in(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if "seed" in name.lower() and isinstance(inner, str | int):
                yield name, str(inner).strip('"')
            else:
                yield from _seeds_in(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for option, following in pairwise(value):
            if isinstance(option, str) and option.startswith("--") and "seed" in option:
                yield option.removeprefix("--"), str(following)
        for inner in value:
            yield from _seeds_in(inner)


def _fingerprints(facts: Facts, description: Mapping[str, Any], data: str | None) -> dict[str, str]:
    found = {"data": data} if data else {}
    if description.get("weights_sha256"):
        found["pretrained weights"] = str(description["weights_sha256"])
    for name, job in facts.jobs.items():
        if code := _code(job):
            found[f"code of {name}"] = code
    return found


def _code(job: Description) -> str | None:
    """Return the address of a job's code, which holds the hash of its content."""
    given = job.get("HyperParameters") or {}
    uri = given.get("sagemaker_submit_directory")
    for item in job.get("ProcessingInputs") or []:
        if item.get("InputName") == "code":
            uri = item["S3Input"]["S3Uri"]
    for channel in job.get("InputDataConfig") or []:  # of an isolated training
        if channel.get("ChannelName") == "code":
            uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
    return str(uri).strip('"') if uri else None


def definition_text(facts: Facts) -> str:
    """Return the JSON of the definition that ran, as --diff reads it."""
    return json.dumps(facts.definition, indent=1) + "\n"


def _read(run: Inputs) -> Reproduction:
    dataset = DATASET.of(run.values)
    fingerprint = dataset.fingerprint if dataset else None
    return read_reproduction(run.source, run.facts, run.description, fingerprint)


SECTION = Section(
    name="reproduction",
    title="How to make it again",
    place=100,
    turn=50,  # after the data set
    read=_read,
)
