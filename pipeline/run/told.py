"""Tell at the end of a run what its report found: what the gate refused, and what to try."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pipeline.report.advice import PAGE, Attempt
from pipeline.report.contents import RunReport
from pipeline.report.page.highlights import NOT_PASSED, RULE, WARNING, notes

_GRAVEST_FIRST = (NOT_PASSED, WARNING, RULE)


@dataclass(frozen=True)
class Told:
    """What the terminal says of a report; `attempt` is None when nothing is advised.

    `not_passed` has a line for each condition of the gate that does not hold.
    """

    not_passed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    attempt: Attempt | None = None

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield the lines as (name, text), without what to try."""
        yield from (("not passed", text) for text in self.not_passed)
        yield from (("warning", text) for text in self.warnings)

    def lines(self) -> list[str]:
        """Format all of it, for a run whose summary is another's."""
        found = [f"  {name:<14} {text}" for name, text in self.rows()]
        if following := self.next_words():
            return [*found, f"next: {following}"]
        return [*found, f"  to try         {self.attempt}"] if self.attempt else found

    def next_words(self) -> str | None:
        """Say the one next command of a run that did not pass the gate; None when it passed."""
        if not self.not_passed or self.attempt is None:
            return None
        before = "" if self.attempt.words == "try" else f"{self.attempt.words} "
        return f"{before}{self.attempt.command}   ({PAGE} has more)"


def read_told(report: RunReport, python: str = "python") -> Told:
    """Pick what the terminal says; its one command is the gravest finding's, run by `python`."""
    found = [note for note in notes(report) if note.told]
    found.sort(key=lambda note: _GRAVEST_FIRST.index(note.told))
    return Told(
        not_passed=tuple(note.text for note in found if note.told == NOT_PASSED),
        warnings=tuple(note.text for note in found if note.told == WARNING),
        attempt=_typed(found[0].attempt, python) if found else None,
    )


def _typed(attempt: Attempt, python: str) -> Attempt:
    return replace(attempt, command=f"{python} {attempt.command.removeprefix('python ')}")
