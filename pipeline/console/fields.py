"""Turn the typed settings into the fields of a form, and a filled form into overrides."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.settings.loading import load_settings, overlay_of
from pipeline.settings.reference import Entry, sections

ENVIRONMENT = "local"
COMMON = (
    "project",
    "backbone.name",
    "backbone.weights",
    "training.epochs",
    "training.fine_tune_blocks",
    "features.views",
    "tuning.max_jobs",
    "tuning.strategy",
    "gate.accuracy_threshold",
)
_ELSEWHERE = ("aws.", "instances.", "retry.", "deploy.", "data.uri")
"""What a run on this machine does not look at, or what is asked for above."""


@dataclass(frozen=True)
class Field:
    """A setting as a form shows it. `kind`: choice, number or text; `value` is what is in force."""

    key: str
    kind: str
    value: str
    shown: str
    allowed: str
    meaning: str
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    step: str = "any"

    @property
    def is_changed(self) -> bool:
        """Whether the form has another value than the settings."""
        return self.shown != self.value


@dataclass(frozen=True)
class FieldGroup:
    """The settings of a section."""

    name: str
    about: str
    fields: tuple[Field, ...]

    @property
    def is_changed(self) -> bool:
        """Whether any value is another than in the settings."""
        return any(field.is_changed for field in self.fields)


def field_groups(path: Path, given: Mapping[str, str]) -> tuple[FieldGroup, list[FieldGroup]]:
    """Return the fields that are set most often, and all others by section.

    `given` has what the form was filled with, by key. Raises SettingsError.
    """
    overlay = overlay_of(path, ENVIRONMENT)
    found = {
        section: tuple(
            _field(entry, overlay, given)
            for entry in section.entries
            if not entry.key.startswith(_ELSEWHERE)
        )
        for section in sections(path)
    }
    every = {field.key: field for fields in found.values() for field in fields}
    common = FieldGroup("common", "", tuple(every[key] for key in COMMON if key in every))
    rest = [
        FieldGroup(
            section.name, _plain(section.about), tuple(f for f in fields if f.key not in COMMON)
        )
        for section, fields in found.items()
    ]
    return common, [group for group in rest if group.fields]


def overrides_of(common: FieldGroup, rest: Sequence[FieldGroup]) -> list[str]:
    """Return key=value of every field that was changed."""
    every = [field for group in (common, *rest) for field in group.fields]
    return [f"{field.key}={_written(field)}" for field in every if field.is_changed]


def check_overrides(path: Path, overrides: Sequence[str]) -> None:
    """Raise SettingsError, with a line for each problem, for settings that cannot be used."""
    load_settings(path, ENVIRONMENT, overrides)


def _field(entry: Entry, overlay: Mapping[str, Any], given: Mapping[str, str]) -> Field:
    value = overlay[entry.key] if entry.key in overlay else json.loads(entry.default or "null")
    kind, schema, can_be_null = _kind(entry.schema)
    text = _text(value)
    choices = [_text(one) for one in schema.get("enum", ())]
    if kind == "choice" and not choices:
        choices = ["true", "false"]
    return Field(
        key=entry.key,
        kind=kind,
        value=text,
        shown=given.get(entry.key, text).replace("\r\n", "\n"),
        allowed=_plain(entry.allowed),
        meaning=_plain(entry.meaning),
        choices=tuple([""] * (can_be_null and kind == "choice") + choices),
        least=schema.get("minimum"),
        most=schema.get("maximum"),
        step="1" if schema.get("type") == "integer" else "any",
    )


def _kind(schema: Mapping[str, Any]) -> tuple[str, Mapping[str, Any], bool]:
    """Return a field's kind, the schema that says so, and whether null may be given."""
    options = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    can_be_null = len(options) < len(schema.get("anyOf", ()))
    if len(options) == 1:
        kind, inner, _ = _kind(options[0])
        return kind, inner, can_be_null
    if "enum" in schema or schema.get("type") == "boolean":
        return "choice", schema, can_be_null
    is_number = schema.get("type") in ("integer", "number")
    return ("number" if is_number else "text"), schema, can_be_null


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _plain(words: str) -> str:
    """Take away what Markdown shows as code."""
    return words.replace("`", "")


def _written(field: Field) -> str:
    """Return a value as --set takes it: a word that YAML would read otherwise is quoted."""
    text = field.shown.strip()
    if field.kind != "text" or not text or text[0] in "{[\"'":
        return text or "null"
    return json.dumps(text, ensure_ascii=False)
