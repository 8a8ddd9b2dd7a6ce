"""Say which part of a log is asked for, and what it holds: without a client, for every page."""

from dataclasses import dataclass

START = "start"
"""The mark of a log's beginning."""


@dataclass(frozen=True)
class Asked:
    """A part of a log: what lies before or after a mark, else its end; `stream` "": the first."""

    stream: str = ""
    before: str = ""
    after: str = ""

    @property
    def is_end(self) -> bool:
        """Whether it is the end, which grows while its job is at work."""
        return not (self.before or self.after)


@dataclass(frozen=True)
class LogLines:
    """Lines of one of the `streams`, and the marks of what lies around them; "" for nothing.

    `note` says why there are no lines; `command` shows the whole log in a terminal.
    """

    lines: tuple[str, ...] = ()
    earlier: str = ""
    later: str = ""
    stream: str = ""
    streams: tuple[str, ...] = ()
    note: str = ""
    command: str = ""
