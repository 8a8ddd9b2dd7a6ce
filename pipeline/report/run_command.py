"""Find the command line that makes a run again."""

import shlex
from typing import Any

from pipeline.report.advice import FIRST_RUN, ON_AWS
from pipeline.report.sources.facts import Facts
from pipeline.report.sources.source import Source


def run_command(source: Source, facts: Facts) -> str:
    """Return the command that started a run, else one that starts such a run."""
    return source.command(facts.id) or _built(source.where, facts)


def _built(where: str, facts: Facts) -> str:
    """Build the command from the parameters that differ from the definition's defaults."""
    defaults = {p["Name"]: p.get("DefaultValue") for p in facts.definition.get("Parameters", [])}
    given = {
        name: value
        for name, value in facts.parameters.items()
        if name != "GitCommit" and not _same(value, defaults.get(name))
    }
    words = shlex.split(FIRST_RUN if where == "local" else ON_AWS)
    for name, value in given.items():
        words += ["--parameter", f"{name}={value}"]
    return shlex.join(words)


def _same(value: str, default: Any) -> bool:
    try:
        return value == str(default) or float(value) == float(default)
    except (TypeError, ValueError):
        return False
