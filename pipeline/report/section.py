"""Define a section of the report: its place on the page, how it is read, what its template gets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pipeline.report.sources.facts import Description, Facts
from pipeline.report.sources.source import Source

Value = TypeVar("Value")


@dataclass(frozen=True)
class Inputs:
    """Everything that sections are read from.

    `job` is the final training's Describe answer ({} when there was none), `output` the folder of
    its output, `description` its model.json. `values` has the sections read so far, by name.
    """

    source: Source
    facts: Facts
    job: Description
    output: Path | None
    description: Mapping[str, Any]
    values: Mapping[str, Any]


def _nothing(_value: Any) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Section(Generic[Value]):
    """A section of the report; its template is templates/sections/{name}.html.

    `name`: its key in the report's values, in --json and in `RunReport.missing`; `title` and
    `place` (rising): on the page. `read` raises Absent when the run has no such section, and is
    not called for a run without a training where `of_training` is set. Sections are read, and
    missing ones listed, by rising `turn`. `rows`: what the template needs beside the value.
    `anchor`: the id that links lead to, where it is not the name. `as_json`: its keys in --json
    (value None: missing), where that is not the value by the section's name.
    """

    name: str
    title: str
    place: int
    read: Callable[[Inputs], Value]
    rows: Callable[[Value], Mapping[str, Any]] = _nothing
    turn: int = 100
    of_training: bool = False
    anchor: str = ""
    as_json: Callable[[Value | None], Mapping[str, Any]] | None = None

    @property
    def id(self) -> str:
        """The section's id on the page."""
        return self.anchor or self.name

    def of(self, values: Mapping[str, Any]) -> Value | None:
        """Return the section's value among those of a report by name; None when it is missing."""
        return values.get(self.name)

    def json(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the section's part of the report's JSON."""
        value = self.of(values)
        return self.as_json(value) if self.as_json else {self.name: value}
