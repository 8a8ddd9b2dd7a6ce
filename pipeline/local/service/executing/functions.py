"""Keep which code answers for which function, for runs that no command line starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.command_line.running import ROOT
from pipeline.local.store import Store

_KIND = "Function"


@dataclass(frozen=True)
class Function:
    """A function's code, a file of this repository, and the variables of its environment."""

    handler: Path
    variables: Mapping[str, str]


def install_function(store: Store, name: str, function: Function) -> None:
    """Keep a function under its name; one of that name is replaced."""
    handler = function.handler.relative_to(ROOT).as_posix()
    store.put(_KIND, name, {"Handler": handler, "Environment": dict(function.variables)})


def installed_functions(store: Store) -> dict[str, Function]:
    """Return every function by its name."""
    names = {row.name: row for row in store.rows(_KIND, "")}
    found = {name: store.get(_KIND, name) or {} for name in names}
    return {
        name: Function(ROOT / one["Handler"], one["Environment"]) for name, one in found.items()
    }
