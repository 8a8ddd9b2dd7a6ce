"""Collect a run's RunReport, each section on its own, so that a missing one harms no other."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pipeline.errors import PipelineError
from pipeline.report.contents import Epoch, RunReport
from pipeline.report.sections.dataset import read_dataset
from pipeline.report.sections.debugging import read_rules
from pipeline.report.sections.evaluation import read_evaluation
from pipeline.report.sections.network import read_description, read_model
from pipeline.report.sections.profile import read_profile
from pipeline.report.sections.reproduction import read_reproduction
from pipeline.report.sections.steps import read_run, read_steps
from pipeline.report.sections.tensors import read_tensors
from pipeline.report.sections.training_output import (
    best_epoch,
    open_output,
    read_history,
    training_job,
)
from pipeline.report.sections.tuning import read_tuning
from pipeline.report.sources.facts import Description, Facts, read_facts
from pipeline.report.sources.source import INSTALL, Source

Made = TypeVar("Made")
_STEP_TIMES = "profile/steps.csv"
_OF_TRAINING = ("history", "tensors", "rules", "profile", "model")


@dataclass(frozen=True)
class Collected:
    """A run's report, and the facts it was made of.

    `files`: name to text of the CSV files that the training wrote and no section holds.
    """

    report: RunReport
    facts: Facts
    files: Mapping[str, str]


@dataclass(frozen=True)
class _Training:
    """The final training: its job ({} when there was none), its output, its model.json."""

    job: Description
    output: Path | None
    description: Mapping[str, Any]


@dataclass(frozen=True)
class _Sections:
    """A maker of sections that keeps why one could not be made."""

    missing: dict[str, str] = field(default_factory=dict)

    def make(self, name: str, read: Callable[[], Made], otherwise: Made) -> Made:
        """Return `read()`; when it fails, note why in `missing` and return `otherwise`."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return read()
        except PipelineError as error:
            self.missing[name] = str(error)
        except (BotoCoreError, ClientError) as error:
            self.missing[name] = f"AWS does not answer: {error}"
        except ImportError as error:
            self.missing[name] = f"{error.name} is not installed: {INSTALL}"
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            self.missing[name] = f"cannot be read ({type(error).__name__}: {error})"
        return otherwise


def collect(source: Source, arn: str) -> Collected:
    """Collect everything a report shows of an execution, ended or not.

    Raises UsageError when there is no such execution; `RunReport.missing` has the reason for each
    part that is missing or damaged.
    """
    facts = read_facts(source, arn)
    with tempfile.TemporaryDirectory(prefix="report-") as scratch:
        return _collect(source, facts, Path(scratch))


def _collect(source: Source, facts: Facts, scratch: Path) -> Collected:
    sections = _Sections()
    make = sections.make
    training = _open_training(source, facts, scratch, sections)
    dataset = make("dataset", lambda: read_dataset(source, facts), None)
    fingerprint = dataset.fingerprint if dataset else None
    report = RunReport(
        run=read_run(facts, source.where),
        steps=make("steps", lambda: read_steps(facts), ()),
        tuning=make("tuning", lambda: read_tuning(source, facts), None),
        evaluation=make("evaluation", lambda: read_evaluation(source, facts), None),
        dataset=dataset,
        reproduction=make(
            "reproduction",
            lambda: read_reproduction(source, facts, training.description, fingerprint),
            None,
        ),
        **(_training_sections(source, training, sections) if training.job else {}),
        missing=sections.missing,
    )
    return Collected(report, facts, _csv_files(training.output))


def _open_training(source: Source, facts: Facts, scratch: Path, sections: _Sections) -> _Training:
    job = sections.make("training", lambda: training_job(facts), None)
    if job is None:
        reason = sections.missing.pop("training")
        sections.missing.update(dict.fromkeys(_OF_TRAINING, reason))
        return _Training({}, None, {})
    return _Training(
        job,
        sections.make("output", lambda: open_output(source, job, scratch), None),
        sections.make("artifact", lambda: read_description(source, job), {}),
    )


def _training_sections(source: Source, training: _Training, sections: _Sections) -> dict[str, Any]:
    """Return the sections that come from the final training."""
    make, job, output = sections.make, training.job, training.output
    nothing: tuple[Epoch, ...] = ()
    history = make("history", lambda: read_history(source, job, output), nothing)
    return {
        "history": history,
        "best_epoch": best_epoch(history),
        "tensors": make("tensors", lambda: read_tensors(source, job, output), None),
        "rules": make("rules", lambda: read_rules(job, output), None),
        "profile": make("profile", lambda: read_profile(job, output), None),
        "model": make("model", lambda: read_model(job, output, training.description), None),
    }


def _csv_files(output: Path | None) -> dict[str, str]:
    path = output / _STEP_TIMES if output else None
    there = path is not None and path.is_file()
    return {"Train-step-times": path.read_text(encoding="utf-8")} if path and there else {}
