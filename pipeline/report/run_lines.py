"""Read what tells runs apart in a list: accuracy, version, and what differs from the defaults."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from pipeline.aws.steps import job_of
from pipeline.comparing.chosen import Chosen
from pipeline.comparing.differences import Difference, from_defaults
from pipeline.comparing.measured import Measured
from pipeline.report.comparison import read_measured
from pipeline.report.runs import RunSummary
from pipeline.report.sources.facts import EVALUATE, Facts, read_facts
from pipeline.report.sources.source import Absent, Source

_AT_ONCE = 8  # runs on AWS: each takes some requests, one after another


@dataclass(frozen=True)
class RunLine:
    """A run and what tells it apart; None where it has none of it, or that is not known.

    `chosen` does not hold what the tuner chose.
    """

    run: RunSummary
    measured: Measured | None
    version: int | None
    chosen: Chosen
    differs: tuple[Difference, ...] | None


def read_lines(
    source: Source, runs: Sequence[RunSummary], defaults: Chosen | None
) -> list[RunLine]:
    """Read what tells these runs apart; `defaults` None: not known."""
    read = partial(_line, source, defaults)
    if source.where == "local":
        return [read(run) for run in runs]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(read, runs))


def _line(source: Source, defaults: Chosen | None, run: RunSummary) -> RunLine:
    facts = read_facts(source, run.arn, (EVALUATE,))
    chosen = facts.chosen
    known = defaults if chosen.values else None
    return RunLine(
        run=run,
        measured=_measured(source, facts),
        version=_version(facts),
        chosen=chosen,
        differs=from_defaults(chosen, known) if known else None,
    )


def _measured(source: Source, facts: Facts) -> Measured | None:
    try:
        return read_measured(source, facts)
    except Absent:
        return None


def _version(facts: Facts) -> int | None:
    """Return the number of the version that a run registered: the end of its ARN."""
    for summary in facts.summaries.values():
        kind, arn = job_of(summary) or ("", "")
        number = arn.rpartition("/")[2]
        if kind == "RegisterModel" and number.isdecimal():
            return int(number)
    return None
