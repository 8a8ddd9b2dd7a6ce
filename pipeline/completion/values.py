"""Look up the values that an argument may have here: environments, runs, versions, endpoints.

Nothing is asked of AWS, and a state that cannot be read has none.
"""

import argparse
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from pipeline.command_line.commands import commands
from pipeline.command_line.running import ROOT, default_state
from pipeline.completion.walking import Place
from pipeline.errors import PipelineError, UsageError

Given = Mapping[str, str]
_NEWEST = "newest"
_MOST = 200
_WAIT_S = 0.05


def values_of(command: str, action: argparse.Action, place: Place) -> list[str]:
    """Return what an argument of a command may be; empty for files, numbers and free text."""
    if action.choices is not None:
        return list(action.choices)
    own = ".".join((command, *place.path, action.dest))
    source = _OF_ONE.get(own) or _OF_ALL.get(action.dest)
    if source is None:
        return []
    try:
        return list(source(place.given))
    except (sqlite3.Error, OSError, ValueError, PipelineError):
        return []


def _names(given: Given, kind: str) -> list[str]:
    """Return the names of a kind of the local state's documents, newest first."""
    from pipeline.local.database import FILE, connect_to_read

    state = Path(given.get("state") or default_state()).expanduser().resolve()
    if "aws" in given or not (state / FILE).is_file():
        return []
    connection = connect_to_read(state, _WAIT_S)
    try:
        query = "SELECT name FROM documents WHERE kind = ? ORDER BY sequence DESC LIMIT ?"
        return [str(name) for (name,) in connection.execute(query, (kind, _MOST))]
    finally:
        connection.close()


def _runs(given: Given) -> list[str]:
    found = _names(given, "PipelineExecution")
    return [_NEWEST, *found] if found else []


def _steps(given: Given) -> list[str]:
    names = _names(given, "PipelineExecutionStep")
    return list(dict.fromkeys(name.rpartition("/")[2] for name in names))


def _numbers(given: Given) -> list[str]:
    group = given.get("group")
    names = (name.partition("/") for name in _names(given, "ModelPackage"))
    return list(dict.fromkeys(number for own, _, number in names if group in (None, own)))


def _versions(given: Given) -> list[str]:
    found = _numbers(given)
    return [_NEWEST, *found] if found else []


def _settings(given: Given) -> dict[str, object]:
    from pipeline.settings.yaml_reader import YamlProblem, read_yaml

    file = Path(given.get("settings") or ROOT / "pipeline.yaml").expanduser()
    try:
        found = read_yaml(file.read_text(encoding="utf-8"))[0]
    except YamlProblem as problem:
        raise UsageError(str(problem)) from problem
    return found if isinstance(found, dict) else {}


def _environments(given: Given) -> Iterable[str]:
    found = _settings(given).get("environments")
    return found if isinstance(found, dict) else ()


def _base(given: Given) -> dict[str, object]:
    return {name: value for name, value in _settings(given).items() if name != "environments"}


def _keys(given: Given) -> Iterable[str]:
    return (f"{key}=" for key in _leaves(_base(given), ""))


def _leaves(settings: Mapping[str, object], above: str) -> Iterator[str]:
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}"


def _endpoints(given: Given) -> list[str]:
    return _names(given, "Endpoint")


# By an argument's name, wherever it stands; then by command, subcommand and name.
_OF_ALL: Mapping[str, Callable[[Given], Iterable[str]]] = {
    "env": _environments,
    "set": _keys,
    "endpoint": _endpoints,
    "group": lambda given: _names(given, "ModelPackageGroup"),
}
_OF_ONE: Mapping[str, Callable[[Given], Iterable[str]]] = {
    "data.review.wanted": _runs,
    "endpoint.delete.name": _endpoints,
    "endpoint.rollback.name": _endpoints,
    "endpoint.rollback.to": _numbers,
    "endpoint.serve.model": _versions,
    "registry.show.version": _versions,
    "registry.approve.version": _versions,
    "registry.reject.version": _versions,
    "registry.compare.version": _versions,
    "registry.compare.other": _versions,
    "report.run": _runs,
    "report.compare.run": _runs,
    "report.compare.other": _runs,
    "report.tensors.run": _runs,
    "run.first": _steps,
    "run.retry": _runs,
    "run.source": _runs,
    "run.stop": _runs,
    "report.track.run": lambda given: [*_runs(given), "all"],
    "schema.words": lambda _given: (one.name for one in commands()),
    "settings.sections": _base,
}
