"""What a run says of the tests that it skipped: how many, and why."""

from collections import Counter
from collections.abc import Iterable

import pytest

Report = pytest.CollectReport | pytest.TestReport


def skips_in_words(reports: Iterable[Report]) -> str:
    """Count by reason; a file skipped as a whole is told as a file: nobody counted its tests."""
    counts = {"test": Counter[str](), "file": Counter[str]()}
    for report in reports:
        kind = "file" if isinstance(report, pytest.CollectReport) else "test"
        counts[kind][_reason(report)] += 1
    totals = [_counted(kinds.total(), kind) for kind, kinds in counts.items() if kinds]
    told = [
        f"{_counted(count, kind)} because {reason}"
        for kind, kinds in counts.items()
        for reason, count in kinds.most_common()
    ]
    return "; ".join([f"{' and '.join(totals) or 'nothing'} skipped", *told])


def _reason(report: Report) -> str:
    assert isinstance(report.longrepr, tuple)
    return report.longrepr[2].removeprefix("Skipped: ")


def _counted(count: int, kind: str) -> str:
    return f"{count} {kind}{'' if count == 1 else 's'}"
