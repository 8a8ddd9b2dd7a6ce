"""Read the metrics that a job prints, by the definition's regular expressions."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pipeline.definition.errors import DefinitionError
from pipeline.service_patterns import compile_quietly


class MetricReader:
    """A reader of a log, line by line, that keeps the last value of every metric."""

    def __init__(self, definitions: Sequence[Mapping[str, str]]) -> None:
        """`definitions` is the request's MetricDefinitions. Raises DefinitionError."""
        self._patterns = [(item["Name"], _compile(item)) for item in definitions]
        self._last: dict[str, tuple[float, datetime]] = {}

    def read(self, line: str) -> Iterator[tuple[str, float]]:
        """Yield (name, value) for every finite value in a line."""
        for name, pattern in self._patterns:
            for match in pattern.finditer(line):
                value = _number(match[1])
                if math.isfinite(value):
                    self._last[name] = (value, datetime.now(UTC))
                    yield name, value

    def last(self, name: str) -> float | None:
        """Return the newest value of a metric; SageMaker takes it for a job's objective."""
        return self._last[name][0] if name in self._last else None

    def final(self) -> list[dict[str, Any]]:
        """Return FinalMetricDataList, as DescribeTrainingJob answers it."""
        return [
            {"MetricName": name, "Value": value, "Timestamp": time}
            for name, (value, time) in self._last.items()
        ]


def _compile(definition: Mapping[str, str]) -> re.Pattern[str]:
    name, expression = definition["Name"], definition["Regex"]
    try:
        pattern = compile_quietly(expression)
    except re.error as error:
        raise DefinitionError(
            f"the regular expression of metric {name} is wrong: {error}: {expression}"
        ) from error
    if not pattern.groups:
        raise DefinitionError(
            f"the regular expression of metric {name} has no group: put ( ) around the number"
        )
    return pattern


def _number(found: str | None) -> float:
    try:
        return float(found or "nan")
    except ValueError:
        return math.nan
