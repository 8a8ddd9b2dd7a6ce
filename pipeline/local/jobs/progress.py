"""Read how far a job is from the lines that it prints itself (training_code/job/progress.py)."""

import re

from pipeline.command_line.time_left import time_left

# Any code may print: words alone reach the terminal, and no number of thousands of digits is read.
_LINE = re.compile(
    r"(?P<what>[\w ./'-]{1,60}): (?P<counts>[\d,]{1,20} of [\d,]{1,20}) "
    r"\([\d,.]{1,20}/s, (?P<seconds>\d{1,9}) s(?P<left> left)?\)",
    re.ASCII,
)


def progress_in(line: str) -> str | None:
    """Return a line's progress for people, "" when what it counted is done; None for others."""
    found = _LINE.fullmatch(line.strip())
    if found is None:
        return None
    if not found["left"]:
        return ""
    return f"{found['what']} {found['counts']}, {time_left(int(found['seconds']))}"
