"""Bring what an endpoint captured to where the job reads it: the newest days, as they lie."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pipeline.addresses import split_uri
from pipeline.report.places import Place

MOST_BYTES = 500 * 1024**2  # of captured requests: thousands of pictures


def bring_captured(place: Place, uri: str, today: date, days: int, target: Path) -> None:
    """Make the files that were captured in the last `days` appear below `target`, hour by hour.

    The newest come first, and no more than MOST_BYTES of them; there may be none.
    """
    left = MOST_BYTES
    for day in _days(today, days):
        for file, size in sorted(_files_of(place, uri, day), reverse=True):
            if size > left:
                return
            left -= size
            path = target / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(place.source.file(f"{uri}/{file}").resolve())


def _days(today: date, days: int) -> Iterator[str]:
    for back in range(days):
        yield f"{today - timedelta(days=back):%Y/%m/%d}"


def _files_of(place: Place, uri: str, day: str) -> list[tuple[str, int]]:
    """Return the captured files of a day, as paths below the address, with their sizes."""
    if place.aws is None:
        root = place.source.place(uri)
        found = [path for path in (root / day).rglob("*.jsonl") if path.is_file()]
        return [(path.relative_to(root).as_posix(), path.stat().st_size) for path in found]
    bucket, prefix = split_uri(uri)
    listing = place.aws.client("s3").get_paginator("list_objects_v2")
    pages: Any = listing.paginate(Bucket=bucket, Prefix=f"{prefix}/{day}/")
    return [
        (item["Key"].removeprefix(f"{prefix}/"), item["Size"])
        for page in pages
        for item in page.get("Contents", [])
        if item["Key"].endswith(".jsonl")
    ]
