"""Tell where the time of a local run went: its parts, the cores that worked, and the waiting."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class ProfiledPart:
    """A part of a run: a step, or what comes before or after them.

    `began` counts from the start of the command, in seconds. Parts may overlap: `cpu_seconds` are
    of everything that the command ran meanwhile.
    """

    name: str
    began: float
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class RunProfile:
    """Where the time of a run went, in seconds of the wall clock unless named otherwise.

    `waiting` is in no part. `used` is the share, 0 to 1, of the cores' time that this run worked.
    """

    seconds: float
    cores: int
    cpu_seconds: float
    waiting: float
    used: float
    parts: tuple[ProfiledPart, ...]

    def lines(self) -> Iterator[str]:
        """Format the profile as a table, a line each."""
        yield (
            f"profile: {self.seconds:.1f} s on {self.cores} cores, {self.used:.0%} of whose time "
            f"it used; {self.waiting:.1f} s in none of these parts"
        )
        yield f"  {'part':<24} {'from s':>8} {'seconds':>8} {'CPU s':>8} {'cores':>6}"
        for part in self.parts:
            busy = part.cpu_seconds / part.seconds if part.seconds else 0.0
            numbers = f"{part.began:>8.1f} {part.seconds:>8.1f} {part.cpu_seconds:>8.1f}"
            yield f"  {part.name:<24} {numbers} {busy:>6.1f}"
