"""Compare two runs: what they were made with, and what was measured of their models."""

import json
from dataclasses import dataclass

from pipeline.comparing.differences import Difference, differences
from pipeline.comparing.measured import Measured, Measurements, compare_measured
from pipeline.report.runs import list_runs
from pipeline.report.sources.facts import EVALUATE, TRAIN, Facts, read_facts
from pipeline.report.sources.source import Absent, Source

COMPARED = (EVALUATE, TRAIN)
"""The steps whose jobs tell what is compared."""
_LOOKED_AT = 10  # runs before, until one has results


@dataclass(frozen=True)
class RunComparison:
    """Two runs side by side, by their ids.

    `settings` is None for a definition that tells none of ours, `measured` for a run without test
    results: `unknown` then says which.
    """

    first: str
    second: str
    settings: tuple[Difference, ...] | None
    measured: Measurements | None
    unknown: str = ""


def read_measured(source: Source, facts: Facts) -> Measured:
    """Read what a run's Evaluate measured. Raises Absent when it did not, or its file is none."""
    uri = f"{facts.output(EVALUATE, 'evaluation')}/evaluation.json"
    try:
        content = json.loads(source.read(uri))
    except ValueError as error:
        raise Absent(f"{uri} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise Absent(f"{uri} is no evaluation")
    return Measured(f"run {facts.id}", content, uri, str(content.get("data_fingerprint") or ""))


def compare_runs(source: Source, first: Facts, second: Facts) -> RunComparison:
    """Compare two runs, as far as they are known."""
    chosen = [facts.chosen for facts in (first, second)]
    told = all(one.values for one in chosen)
    settings = differences(*chosen) if told else None
    unknown = "" if told else "a definition that tells no settings of ours was run"
    try:
        one, other = (read_measured(source, facts) for facts in (first, second))
    except Absent as error:
        return RunComparison(first.id, second.id, settings, None, str(error))
    measured = compare_measured(source.read, one, other)
    return RunComparison(first.id, second.id, settings, measured, unknown)


def run_before(source: Source, facts: Facts) -> Facts:
    """Find the run of the same pipeline before this one that has test results. Raises Absent."""
    runs = list_runs(source.sagemaker, [facts.pipeline])
    own = next((place for place, run in enumerate(runs) if run.arn == facts.arn), len(runs))
    earlier = runs[own + 1 :]
    for run in earlier[:_LOOKED_AT]:
        before = read_facts(source, run.arn, COMPARED)
        try:
            read_measured(source, before)
        except Absent:
            continue
        return before
    if not earlier:
        raise Absent(f"it is the first run of {facts.pipeline} that is there")
    looked = min(len(earlier), _LOOKED_AT)
    raise Absent(f"none of the {looked} runs of {facts.pipeline} before it has test results")
