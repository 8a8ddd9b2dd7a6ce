"""Load pipeline.yaml into typed, frozen settings, or say in one line each what is wrong.

Imports neither torch nor an AWS library: every command reads the settings first.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.errors import UsageError
from pipeline.given import read_given, shortened
from pipeline.settings.checks import check
from pipeline.settings.errors import (
    RANGE_TYPES,
    SettingsError,
    dotted,
    problems_of,
    settings_error,
)
from pipeline.settings.keys import Keys
from pipeline.settings.model import Settings
from pipeline.settings.yaml_reader import YamlProblem, read_scalar, read_yaml
from pipeline.suggestions import suggest

_LARGEST = 256 * 1024  # bytes
_FILES = (("backbone", "weights"), ("data", "decisions"))  # settings that may be a path
_OVERRIDE = re.compile(r"(?P<key>[A-Za-z_][\w-]*(?:\.[\w-]+)*)\s*=(?P<value>.*)", re.DOTALL)


def load_settings(path: Path, environment: str | None, overrides: Sequence[str]) -> Settings:
    """Read `path`, overlay `environment` (None: the base alone), then `key.path=value` overrides.

    A relative path in backbone.weights or data.decisions is taken from the file's folder, or from
    the working directory when it comes from an override.
    Raises SettingsError: one line for each problem, with its place and how to mend it.
    """
    base, lines = _read(path)
    environments = base.pop("environments", None)
    overlay = _overlay(path, environments, environment, lines)
    parsed = [parse_override(text) for text in overrides]
    data = merge(base, overlay)
    for keys, value in parsed:
        data = _put(data, keys, value)
    places = _places(path, lines, environment, overlay, [keys for keys, _ in parsed])
    try:
        settings = Settings.model_validate(data)
    except ValidationError as error:
        raise settings_error(problems_of(error, Settings, data), str(path), places) from None
    problems = check(settings)
    if problems:
        raise settings_error(problems, str(path), places)
    overridden = {keys for keys, _ in parsed}
    return _with_absolute_paths(settings, path.parent, overridden)


def environments_of(path: Path) -> list[str]:
    """Return the environments that the file has. Raises SettingsError when it cannot be read."""
    return list(_read(path)[0].get("environments") or {})


def overlay_of(path: Path, environment: str) -> dict[str, Any]:
    """Return what an environment sets instead of the base, by `key.path`. Raises SettingsError."""
    data, lines = _read(path)
    overlay = _overlay(path, data.get("environments"), environment, lines)
    return {dotted(keys): _at(overlay, keys) for keys in _leaves(overlay)}


def parse_override(text: str) -> tuple[tuple[str, ...], Any]:
    """Parse `a.b=c` into (("a", "b"), c), where c is YAML: a number, a word, a list, null.

    Raises SettingsError.
    """
    match = _OVERRIDE.fullmatch(text.strip())
    if match is None:
        raise SettingsError(f"--set {shortened(text)}: must look like key.path=value")
    try:
        value = read_scalar(match["value"].strip())
    except YamlProblem as problem:
        raise SettingsError(f"--set {shortened(text)}: the value is not YAML: {problem}") from None
    return tuple(match["key"].split(".")), value


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Merge deeply: sections are merged, all else is replaced; so is a range of another type."""
    merged = dict(base)
    for key, value in overlay.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and not _is_other_range(old, value):
            merged[key] = merge(old, value)
        else:
            merged[key] = value
    return merged


def _is_other_range(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return new.get("type") in RANGE_TYPES and new.get("type") != old.get("type")


def _read(path: Path) -> tuple[dict[str, Any], dict[Keys, int]]:
    try:
        data, lines = _parsed(read_given(path, _LARGEST).decode())
    except YamlProblem as problem:
        raise SettingsError(f"{path}:{problem.line}: not YAML: {problem}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not UTF-8 text") from None
    except UsageError as error:
        raise SettingsError(str(error)) from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    if not isinstance(data, dict):
        raise SettingsError(f"{path}: must be a mapping of settings")
    return dict(data), lines


@lru_cache(maxsize=4)
def _parsed(text: str) -> tuple[Any, dict[Keys, int]]:
    # A console reads its settings for every page; the same text says the same. Nobody changes it.
    return read_yaml(text)


def _overlay(
    path: Path, environments: object, environment: str | None, lines: Mapping[Keys, int]
) -> dict[str, Any]:
    if environments is not None and not isinstance(environments, dict):
        raise SettingsError(f"{path}:{lines[('environments',)]}: environments: must be a section")
    if environment is None:
        return {}
    known = list(environments or {})
    if environment not in known:
        hint = suggest(environment, known)
        raise SettingsError(f"{path}: no environment {environment!r}; {hint}")
    overlay = (environments or {})[environment]
    if overlay is not None and not isinstance(overlay, dict):
        line = lines[("environments", environment)]
        raise SettingsError(f"{path}:{line}: environments.{environment}: must be a section")
    return overlay or {}


def _put(data: dict[str, Any], keys: Sequence[str], value: Any) -> dict[str, Any]:
    """Return a copy of `data` with `value` at `keys`; a missing section on the way is made."""
    if len(keys) == 1:
        return {**data, keys[0]: value}
    inner = data.get(keys[0])
    if inner is not None and not isinstance(inner, dict):
        what = f"{'.'.join(keys)}={value}: {keys[0]} is a value, not a section"
        raise SettingsError(f"--set {what}")
    return {**data, keys[0]: _put(inner or {}, keys[1:], value)}


def _places(
    path: Path,
    lines: Mapping[Keys, int],
    environment: str | None,
    overlay: Mapping[str, Any],
    overrides: Sequence[tuple[str, ...]],
) -> dict[Keys, str]:
    """Return where each value in force was given; a replaced value's inner places are dropped."""
    places = {keys: f"{path}:{line}:" for keys, line in lines.items() if keys}
    for keys in _leaves(overlay):
        line = lines[("environments", environment or "", *keys)]
        places = _replaced(places, keys, f"{path}:{line}:")
    for keys in overrides:
        places = _replaced(places, keys, "--set")
    return places


def _leaves(data: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in data.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key)


def _at(data: Any, keys: Keys) -> Any:
    return _at(data[keys[0]], keys[1:]) if keys else data


def _replaced(places: Mapping[Keys, str], keys: Keys, place: str) -> dict[Keys, str]:
    return {k: at for k, at in places.items() if k[: len(keys)] != keys} | {keys: place}


def _with_absolute_paths(
    settings: Settings, folder: Path, overridden: Collection[Keys]
) -> Settings:
    """Make the paths of files absolute: one on the command line is from the working directory."""
    for section, name in _FILES:
        values = getattr(settings, section)
        given = getattr(values, name)
        if given in (None, "imagenet", "none") or given.startswith("s3://"):
            continue
        start = Path.cwd() if (section, name) in overridden else folder
        absolute = (start / Path(given.removeprefix("file://")).expanduser()).absolute()
        changed = values.model_copy(update={name: str(absolute)})
        settings = settings.model_copy(update={section: changed})
    return settings
