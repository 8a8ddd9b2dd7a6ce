"""Read how far a job is from the lines that it prints itself (training_code/job/progress.py)."""

import re

from pipeline.command_line.time_left import time_left

_LINE = re.compile(
    r"(?P<what>[^:()]{1,60}): (?P<counts>[\d,]+ of [\d,]+) "
    r"\([\d,.]+/s, (?P<seconds>\d+) s(?P<left> left)?\)"
)


def progress_in(line: str) -> str | None:
    """Return a line's progress for people, "" when what it counted is done; None for others."""
    found = _LINE.fullmatch(line.strip())
    if found is None:
        return None
    if not found["left"]:
        return ""
    return f"{found['what']} {found['counts']}, {time_left(int(found['seconds']))}"
