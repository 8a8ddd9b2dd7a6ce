"""Read the settings that a command gives a run, so that advice changes them and can be run."""

import argparse
import shlex
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pipeline.command_line.running import add_settings_options

if TYPE_CHECKING:
    from pipeline.settings.model import Settings

_LOCAL = "local"  # the environment of --local


class _Words(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise ValueError(message)


def setting_of(command: str, key: str) -> str | None:
    """Return a setting as the command has it, as text; None where that cannot be told."""
    found: Any = _loaded(command)
    for name in key.split("."):
        found = found.get(name) if isinstance(found, Mapping) else getattr(found, name, None)
    return None if found is None else str(found)


def makes_another_run(command: str, settings: Sequence[str]) -> bool:
    """Check whether the settings change something for the command, and are settings it can take.

    True of a command whose own settings cannot be read here, as nothing is known of it.
    """
    own = _loaded(command)
    return own is None or _loaded(command, tuple(settings)) not in (None, own)


@lru_cache(maxsize=64)
def _loaded(command: str, more: tuple[str, ...] = ()) -> "Settings | None":
    from pipeline.errors import UsageError
    from pipeline.settings.loading import load_settings

    parser = _Words(add_help=False, allow_abbrev=False)
    parser.add_argument("--local", action="store_true")
    add_settings_options(parser)
    try:
        options, _ = parser.parse_known_args(shlex.split(command))
        environment = options.env or (_LOCAL if options.local else None)
        return load_settings(options.settings, environment, [*options.set, *more])
    except (UsageError, ValueError):
        return None
