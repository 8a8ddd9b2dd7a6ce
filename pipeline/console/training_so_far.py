"""Read what a run's training has done so far: trials, epochs, rules; while it works and after."""

import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.console.logs import LOG, read_end
from pipeline.errors import PipelineError
from pipeline.local.store import Document, Store
from pipeline.report.searched_settings import Results, results_of_log, results_of_text
from pipeline.report.sections.history import HISTORY_FILE, Epoch, epochs_of_csv, epochs_of_log
from pipeline.report.sections.rules import RULES_FILE, Rules, read_rules, rules_in
from pipeline.report.sections.tuning import Trial, Tuning, planned_trials, tried, tuning_of
from pipeline.report.sources.facts import Facts
from pipeline.report.sources.source import Absent
from pipeline.report.sources.training_output import output_uri
from training_code.searching.settings_table import RESULTS_FILE

_LONGEST_LOG = 4 * 1024**2
_SHOWN = (RULES_FILE, HISTORY_FILE, RESULTS_FILE)


def read_tuning_so_far(store: Store, facts: Facts) -> tuple[Tuning | None, int]:
    """Return the tuning with the trials there are, and how many there may be."""
    try:
        step, job = facts.job_of_kind("TuningJob")
    except Absent:
        return None, 0
    objective = job["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    parts = _trial_jobs(store, job["HyperParameterTuningJobName"])
    folder = store.root / "runs" / facts.id / step

    def results_of(name: str) -> Results:
        done = next((one for one in parts if one["TrainingJobName"] == name), None)
        packed = _packed(store, done, RESULTS_FILE) if done else None
        if packed is not None:
            return results_of_text(packed)
        lines = read_end(folder / name / LOG, _LONGEST_LOG).text.splitlines()
        return results_of_log(lines, objective["MetricName"])

    trials = tried(job, parts, results_of)
    tuning = tuning_of(job, trials)
    best = tuning.best or _best_name(trials)
    return replace(tuning, best=best), planned_trials(job, len(trials))


def _best_name(trials: Sequence[Trial]) -> str | None:
    done = [trial for trial in trials if trial.value is not None]
    best = done[-1].best_so_far if done else None
    return next((trial.name for trial in done if trial.value == best), None)


def _trial_jobs(store: Store, tuning: str) -> list[Document]:
    found = store.named("TrainingJob", f"{tuning}-")
    return sorted(found, key=lambda job: (job["CreationTime"], job["TrainingJobName"]))


def read_epochs(store: Store, facts: Facts) -> tuple[Epoch, ...]:
    """Return the epochs of the final training: from its log while it works, then its output."""
    try:
        step, job = facts.job_of_kind("TrainingJob")
        packed = _packed(store, job, HISTORY_FILE)
        if packed is not None:
            return epochs_of_csv(packed.splitlines())
        log = store.root / "runs" / facts.id / step / LOG
        return epochs_of_log(read_end(log, _LONGEST_LOG).text.splitlines())
    except (PipelineError, ValueError, LookupError):
        return ()


def read_rules_so_far(store: Store, facts: Facts) -> Rules | None:
    """Return the verdicts there are; None without any."""
    try:
        step, job = facts.job_of_kind("TrainingJob")
        if job.get("DebugRuleConfigurations"):
            return read_rules(job, None)
        left = store.root / "runs" / facts.id / step / "ml" / "output" / "data" / RULES_FILE
        packed = _packed(store, job, RULES_FILE)
        text = left.read_text(encoding="utf-8") if packed is None else packed
        return rules_in(json.loads(text))
    except (PipelineError, OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _packed(store: Store, job: Mapping[str, Any], name: str) -> str | None:
    """Return a small file of a training's output; None before it is packed, or without it."""
    try:
        archive = store.path(output_uri(job))
        return _read_packed(archive, archive.stat().st_mtime_ns).get(name)
    except (PipelineError, OSError, tarfile.TarError):
        return None


@lru_cache(maxsize=32)
def _read_packed(archive: Path, _written: int) -> Mapping[str, str]:
    """Read the files that a page shows out of an output, which is not compressed."""
    found = {}
    with tarfile.open(archive) as packed:
        for member in packed:
            if member.name in _SHOWN and member.size < _LONGEST_LOG:
                file = packed.extractfile(member)
                found[member.name] = file.read().decode("utf-8", "replace") if file else ""
    return found
