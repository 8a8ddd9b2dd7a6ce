"""Say in the log what a person should know of a prepared data set's pictures."""

from collections.abc import Iterator, Mapping
from typing import Any

from picture_notes import Note

_MANY, _MANY_OF_ALL = 10, 0.01


def picture_lines(info: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines about how pictures of a dataset.json were decoded."""
    for one in info["notes"]:
        level = "warning: " if one["note"] == Note.GUESSED_BITS.value else ""
        many = "1 picture" if one["count"] == 1 else f"{one['count']:,} pictures"
        yield f"{level}{many}: {one['note']}, for example {one['files'][0]}"
    groups = info["same_pixels"]
    across = [one for one in groups if len(one["splits"]) > 1]
    if across:
        yield (
            f"warning: {len(across):,} pictures are in more than one split with the same pixels, in"
            f" files that differ, for example {' = '.join(across[0]['files'][:2])}"
        )
    count = sum(len(one["files"]) for one in groups)
    pictures = sum(sum(counts.values()) for counts in info["counts"].values())
    if count >= _MANY or count > _MANY_OF_ALL * pictures:
        yield (
            f"warning: {count:,} pictures have the same pixels as another, though their files"
            f" differ, for example {' = '.join(groups[0]['files'][:2])}"
        )
