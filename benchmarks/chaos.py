"""Kill commands at random points, as a power cut would, and see that the next one ends well.

The commands are the user's own: run, approve, roll back, predict into a CSV file, serve. Only the
command's own process is killed; what it started is left to notice. Then the same command runs
again: it must end well, do no finished step twice, make nothing twice, and leave no process and
no half-made file behind.
"""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.chaos_checks import (
    adopt_orphans,
    count_duplicates,
    find_leftovers,
    left_processes,
    newest_run,
    repeated_steps,
)
from benchmarks.chaos_commands import KINDS, Commands
from benchmarks.context import BenchmarkError, Context
from benchmarks.figures import text_table

_KILLS, _QUICK_KILLS = 100, 5
_MOST_TRIES = 20
_SETTLE_S = 30.0
_SEED = 0


@dataclass
class _Counts:
    """What was seen so far; `failures` say each thing that should not be."""

    killed: Counter[str] = field(default_factory=Counter)
    finished: int = 0
    repeated: int = 0
    processes: int = 0
    leftovers: int = 0
    failures: list[str] = field(default_factory=list)


def run(context: Context) -> dict[str, Any]:
    """Kill as many commands as asked for, the kinds in turn, each at a random moment."""
    kills = context.kills or (_QUICK_KILLS if context.quick else _KILLS)
    adopt_orphans()
    commands = Commands(context.work, _SEED)
    context.say("two runs, an approval of each, a prediction and a service, without any kill")
    commands.begin()
    counts, began = _Counts(), time.monotonic()
    for number in range(kills):
        kind = KINDS[number % len(KINDS)]
        _kill_and_finish(kind, commands, counts)
        context.say(f"{number + 1} of {kills}: {kind}; {len(counts.failures)} failures so far")
    duplicates = count_duplicates(commands.state) + commands.duplicate_rows
    return {
        "kills": kills,
        "finished": counts.finished,
        "duplicates": duplicates,
        "repeated_steps": counts.repeated,
        "processes": counts.processes,
        "leftovers": counts.leftovers,
        "by_kind": dict(counts.killed),
        "seconds": time.monotonic() - began,
        "failures": counts.failures,
    }


def problems(result: Mapping[str, Any]) -> list[str]:
    """Return what should not be, in a line each."""
    found = list(result["failures"])
    if result["finished"] != result["kills"]:
        found.append(f"{result['finished']} of {result['kills']} ended well afterwards")
    names = ("duplicates", "repeated_steps", "processes", "leftovers")
    return found + [f"{result[name]} {name}" for name in names if result[name]]


def table(result: Mapping[str, Any]) -> str:
    """Format the counts as the table that is printed."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in result["by_kind"].items())
    rows = [
        ("ended well afterwards", str(result["finished"])),
        ("things made twice", str(result["duplicates"])),
        ("finished steps done again", str(result["repeated_steps"])),
        ("processes left", str(result["processes"])),
        ("files left", str(result["leftovers"])),
    ]
    return text_table((f"{result['kills']} kills ({kinds})", ""), rows)


def _kill_and_finish(kind: str, commands: Commands, counts: _Counts) -> None:
    for _ in range(_MOST_TRIES):
        command = commands.next(kind)
        before = newest_run(commands.state)
        after = commands.kill(command)
        if after is not None:
            break
    else:
        raise BenchmarkError(f"{kind} ends before it can be killed")
    counts.killed[kind] += 1
    where = f"{kind}, killed after {after:.2f} s"
    killed = newest_run(commands.state)
    problem = commands.finish(command)
    if problem:
        counts.failures.append(f"{where}: {problem}")
    else:
        counts.finished += 1
    if kind == "run" and not problem and killed and killed != before:
        again = repeated_steps(commands.state, killed, newest_run(commands.state))
        counts.repeated += len(again)
        counts.failures += [f"{where}: step {step} ran again" for step in again]
    _count_left(where, commands, counts)


def _count_left(where: str, commands: Commands, counts: _Counts) -> None:
    """Count what is there still when everything has had time to notice."""
    deadline = time.monotonic() + _SETTLE_S
    while True:
        processes, files = left_processes(), find_leftovers(commands.state, commands.temporary)
        if not (processes or files) or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    counts.processes += len(processes)
    counts.leftovers += len(files)
    counts.failures += [f"{where}: left {one}" for one in (*processes, *files)]
    for path in files:
        commands.remove(path)
