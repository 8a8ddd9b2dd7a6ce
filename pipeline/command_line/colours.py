"""Say when what commands print has colours: on a terminal, unless --color or NO_COLOR differs."""

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TextIO

if TYPE_CHECKING:
    from rich.console import Console

_NEVER, _ALWAYS = "NO_COLOR", "FORCE_COLOR"


def add_color_option(target: argparse.ArgumentParser) -> None:
    """Add --color, which has no value of its own: it is told as the variables that all know."""
    target.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        action=_Tell,
        default=argparse.SUPPRESS,
        help="auto (the default): on a terminal, unless NO_COLOR is set",
    )


def console_on(stream: TextIO, width: int | None = None) -> "Console":
    """Make what writes tables and bars on a stream; NO_COLOR comes before FORCE_COLOR."""
    from rich.console import Console

    system: Literal["standard", "auto"] | None = "auto"
    if os.environ.get(_NEVER):
        system = None  # nor bold letters, which rich would leave
    elif os.environ.get(_ALWAYS):
        system = "standard"  # also where TERM says that nothing can show them, as in most builds
    return Console(file=stream, width=width, color_system=system)


class _Tell(argparse.Action):
    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        _options: argparse.Namespace,
        value: str | Sequence[Any] | None,
        _name: str | None = None,
    ) -> None:
        asked = {"always": _ALWAYS, "never": _NEVER}.get(str(value))
        if asked:
            os.environ.pop(_ALWAYS if asked is _NEVER else _NEVER, None)
            os.environ[asked] = "1"
