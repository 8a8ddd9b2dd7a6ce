"""Read the prepared data set's description from dataset.json, as the step Prepare wrote it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.report.section import Section
from pipeline.report.sources.facts import PREPARE, Facts
from pipeline.report.sources.source import Source


@dataclass(frozen=True)
class Refused:
    """A file of the data set that is no usable picture, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Duplicate:
    """Files of identical content, and the splits and classes they lie in."""

    files: tuple[str, ...]
    splits: tuple[str, ...]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Ignored:
    """What lies in the data set and was not used, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Remark:
    """Something done to pictures while they were decoded: what, to how many, and some of them."""

    text: str
    count: int
    files: tuple[str, ...]


@dataclass(frozen=True)
class Dataset:
    """The prepared data set. `counts`: {split: {class: pictures}}, classes in order.

    `reading` says what a person should know of how its folders were read.
    """

    classes: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]
    fingerprint: str
    resize: int
    split_source: str
    refused: tuple[Refused, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    reading: tuple[str, ...] = ()
    same_pixels: tuple[Duplicate, ...] = ()
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class CountRow:
    """A class and its number of pictures in each split."""

    name: str
    counts: tuple[int, ...]
    total: int


def read_dataset(source: Source, facts: Facts) -> Dataset:
    """Read class counts, refused files and duplicates. Raises Absent when nothing was prepared.

    Runs of earlier versions noted and ignored nothing.
    """
    info = json.loads(source.read(f"{facts.output(PREPARE, 'dataset')}/dataset.json"))
    return Dataset(
        classes=tuple(info["classes"]),
        counts=info["counts"],
        fingerprint=info["fingerprint"],
        resize=info["resize"],
        split_source=info["split_source"],
        refused=tuple(Refused(one["file"], one["reason"]) for one in info["refused"]),
        duplicates=_duplicates(info["duplicates"]),
        # a data set prepared by an older version has neither
        same_pixels=_duplicates(info.get("same_pixels", ())),
        remarks=tuple(
            Remark(one["note"], one["count"], tuple(one["files"])) for one in info.get("notes", ())
        ),
        ignored=tuple(Ignored(one["name"], one["reason"]) for one in info.get("ignored", ())),
        reading=tuple(info.get("reading", ())),
    )


def _duplicates(groups: Iterable[Mapping[str, Any]]) -> tuple[Duplicate, ...]:
    return tuple(
        Duplicate(tuple(one["files"]), tuple(one["splits"]), tuple(one["classes"]))
        for one in groups
    )


def count_rows(dataset: Dataset) -> list[CountRow]:
    """Count the pictures of each class by split, in the classes' order."""
    rows = []
    for name in dataset.classes:
        counts = tuple(split.get(name, 0) for split in dataset.counts.values())
        rows.append(CountRow(name, counts, sum(counts)))
    return rows


def _rows(dataset: Dataset) -> dict[str, Any]:
    return {"classes": count_rows(dataset)}


SECTION = Section(
    name="dataset",
    title="Data set",
    place=80,
    turn=10,
    read=lambda run: read_dataset(run.source, run.facts),
    rows=_rows,
)
