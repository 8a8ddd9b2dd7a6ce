"""Write and read the settings that a search in parts tries, as one hyperparameter.

A table of plain characters: `lr,batch_size:0.0012,64:0.0003,32`, names first, then setting 1, 2, ….
Imports the standard library only: settings, checks and reports read it as well.
"""

from collections.abc import Mapping, Sequence

Setting = Mapping[str, str]

SETTINGS = "settings"
"""The hyperparameter that holds the table."""
PART = "part"
"""The hyperparameter that says which settings a job tries: `8-14`, the only one that is tuned."""
LONGEST = 2500
"""The most characters of a hyperparameter's value."""
CHOICE_FILE = "setting.json"
"""What a part writes beside its model: the number and the values of its best setting."""
RESULTS_FILE = "settings.json"
"""What a part writes to its output: each of its settings, with every epoch."""


def write_table(settings: Sequence[Setting]) -> str:
    """Return settings, which all have the same names, as a table."""
    rows = [list(settings[0]), *(list(one.values()) for one in settings)]
    return ":".join(",".join(row) for row in rows)


def read_table(text: str) -> dict[int, Setting]:
    """Return the settings of a table by number, from 1. Raises ValueError for what is none."""
    head, *rows = (row.split(",") for row in text.split(":"))
    if not rows or not all(head) or len(set(head)) < len(head):
        raise ValueError(f"{text!r} is no table of settings")
    return {n: dict(zip(head, row, strict=True)) for n, row in enumerate(rows, start=1)}


def part_names(count: int, size: int) -> list[str]:
    """Name the parts of `count` settings, `size` in each: `1-7`, `8-14`, `15-20`."""
    return [f"{first}-{min(first + size - 1, count)}" for first in range(1, count + 1, size)]


def numbers_of(part: str) -> range:
    """Return the numbers of a part's settings. Raises ValueError for what names none."""
    first, dash, last = part.strip('"').partition("-")
    if not (dash and first.isdecimal() and last.isdecimal() and 0 < int(first) <= int(last)):
        raise ValueError(f"{part!r} names no settings, as 8-14 does")
    return range(int(first), int(last) + 1)
