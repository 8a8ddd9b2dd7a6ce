"""Measure whether a model knows what it does not know: all parts of it, in one result.

Each part is a benchmark of its own. What they ask for are the figures that were set before anything
was measured: one that is not reached is named, with what was found, and not made easier.
"""

from dataclasses import replace
from importlib import import_module
from typing import Any

from benchmarks.context import Context

PARTS = ("unknown", "labels", "drift", "explaining")
_NOTHING = "not reached: nothing (with --quick and of random weights nothing is asked)"


def result_name(context: Context) -> str:
    """Return the name of the result: each data set has its own."""
    return f"knowing-{context.data.name}"


def run(context: Context) -> dict[str, Any]:
    """Run each part; what the parts share is kept in the cache."""
    found: dict[str, Any] = {}
    for name in PARTS:
        context.say(f"knowing: {name}")
        work = context.work / name
        work.mkdir()
        found[name] = {
            "quick": context.quick,
            **import_module(f"benchmarks.{name}").run(replace(context, work=work)),
        }
    result = {"data": context.data.name, "parts": found}
    return result | {"not_reached": problems(result)}


def table(result: dict[str, Any]) -> str:
    """Format the table of each part, and what was not reached."""
    tables = [import_module(f"benchmarks.{name}").table(one) for name, one in _parts(result)]
    missed = [f"not reached: {line}" for line in problems(result)] or [_NOTHING]
    return "\n\n".join([*tables, "\n".join(missed)])


def problems(result: dict[str, Any]) -> list[str]:
    """Return what is not reached, by its part."""
    return [
        f"{name}: {line.removeprefix('not reached: ')}"
        for name, one in _parts(result)
        for line in import_module(f"benchmarks.{name}").problems(one)
    ]


def _parts(result: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, result["parts"][name]) for name in PARTS if name in result["parts"]]
