"""Format values for people: the filters of the page's templates."""

import math
from datetime import UTC, datetime

NOTHING = "-"


def percent(share: float | None, digits: int = 1) -> str:
    """Format a share in percent: 0.8333 is 83.3%; None and NaN are a dash."""
    if share is None or not math.isfinite(share):
        return NOTHING
    return f"{share * 100:.{digits}f}%"


def number(value: float | None) -> str:
    """Format a number: four significant digits for fractions, commas in whole numbers."""
    if value is None:
        return NOTHING
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 10_000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def large(value: float | None) -> str:
    """Format a count of parameters or operations: 2,236,682 is 2.24 M."""
    if value is None:
        return NOTHING
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:,.0f}"


def size(count: float | None) -> str:
    """Format a number of bytes in powers of 1024: B, KiB, MiB, GiB."""
    if count is None:
        return NOTHING
    for unit, step in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if abs(count) >= step:
            return f"{count / step:.3g} {unit}"
    return f"{count:.0f} B"


def duration(seconds: float | None) -> str:
    """Format seconds: 16 ms, 2.1 s, 42 s, 3 min 05 s, 2 h 07 min."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.00995 else f"{seconds * 1000:.2g} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def when(moment: datetime | None) -> str:
    """Format a time in UTC: 2026-11-21 06:35 UTC."""
    if moment is None:
        return NOTHING
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def rule_message(text: str) -> str:
    """Strip the name of smdebug's exception that the service puts before a rule's message."""
    return text.removeprefix("RuleEvaluationConditionMet: ")


def sentence(text: str) -> str:
    """Make a text begin with a capital and end with a full stop."""
    return text[:1].upper() + text[1:].removesuffix(".") + "." if text else ""


def plural(count: int, word: str, many: str | None = None) -> str:
    """Format a count with its noun: 1 picture, 2 pictures, 0 classes."""
    return f"{count:,} {word if count == 1 else many or word + 's'}"
