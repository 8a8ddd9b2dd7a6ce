"""Read the prepared data set's description from dataset.json, as the step Prepare wrote it."""

import json

from pipeline.report.contents import Dataset, Duplicate, Refused
from pipeline.report.sources.facts import Facts
from pipeline.report.sources.source import Source

STEP = "Prepare"


def read_dataset(source: Source, facts: Facts) -> Dataset:
    """Read class counts, refused files and duplicates. Raises Absent when nothing was prepared."""
    info = json.loads(source.read(f"{facts.output(STEP, 'dataset')}/dataset.json"))
    return Dataset(
        classes=tuple(info["classes"]),
        counts=info["counts"],
        fingerprint=info["fingerprint"],
        resize=info["resize"],
        split_source=info["split_source"],
        refused=tuple(Refused(one["file"], one["reason"]) for one in info["refused"]),
        duplicates=tuple(
            Duplicate(tuple(one["files"]), tuple(one["splits"]), tuple(one["classes"]))
            for one in info["duplicates"]
        ),
    )
