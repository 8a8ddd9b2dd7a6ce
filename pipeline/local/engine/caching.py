"""Cache steps by the fields that SageMaker documents for each step type."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipeline.definition.cache_fields import cache_fields
from pipeline.definition.errors import DefinitionError
from pipeline.definition.graph import Step
from pipeline.local.store import Document, Store

_KIND = "StepCache"
_DURATION = re.compile(
    r"P?(?:(?P<y>\d+)y)?(?:(?P<mo>\d+)m)?(?:(?P<w>\d+)w)?(?:(?P<d>\d+)d)?"
    r"(?:t(?:(?P<h>\d+)h)?(?:(?P<mi>\d+)m)?(?:(?P<s>\d+)s)?)?",
    re.IGNORECASE,
)
_DAYS = {"y": 365, "mo": 30, "w": 7, "d": 1}


@dataclass(frozen=True)
class CachePolicy:
    """A step's CacheConfig; without an age, what was found stays usable."""

    enabled: bool
    maximum_age: timedelta | None


@dataclass(frozen=True)
class CacheEntry:
    """A step that succeeded before, and what its followers need of it."""

    execution_arn: str
    properties: Document
    metadata: Document
    metric: str | None


def read_policy(step: Step) -> CachePolicy:
    """Read the CacheConfig of a step. Raises DefinitionError for an invalid duration."""
    config = step.definition.get("CacheConfig") or {}
    age = config.get("ExpireAfter")
    try:
        return CachePolicy(bool(config.get("Enabled")), parse_duration(age) if age else None)
    except ValueError as error:
        raise DefinitionError(f"step {step.name}: CacheConfig.ExpireAfter {error}") from error


def parse_duration(text: str) -> timedelta:
    """Parse an ISO 8601 duration, also without its P as SageMaker writes it: 30d, PT1H, 30dT5h.

    A year is 365 days, a month 30. Raises ValueError.
    """
    match = _DURATION.fullmatch(text.strip())
    numbers = {k: int(v) for k, v in match.groupdict().items() if v} if match else {}
    if not numbers:
        raise ValueError(f"{text!r} is not a duration: write 30d, PT1H or P30DT5H")
    days = sum(number * _DAYS[unit] for unit, number in numbers.items() if unit in _DAYS)
    return timedelta(
        days=days,
        hours=numbers.get("h", 0),
        minutes=numbers.get("mi", 0),
        seconds=numbers.get("s", 0),
    )


class StepCache:
    """A cache of one pipeline's successful steps, by what went into them.

    SageMaker looks at the fields alone. Here the contents behind file:// inputs count as well
    (every file's path, size and time of change), because a folder on this machine is edited in
    place; what lies behind s3:// addresses does not, as on SageMaker.
    """

    def __init__(self, store: Store, pipeline: str) -> None:
        self._store = store
        self._pipeline = pipeline

    def key(self, step: Step, arguments: Mapping[str, Any], function: str) -> str | None:
        """Hash what identifies a step's work; None for a type that is never cached.

        `arguments`, and the ARN of a Lambda step's `function`, are resolved.
        """
        if step.type == "Lambda":
            fields = {"FunctionArn": function, "Inputs": arguments}
        elif not (fields := cache_fields(step.type, arguments)):
            return None
        listings = [_listing(self._store.path(uri)) for uri in sorted(set(_file_uris(fields)))]
        canonical = json.dumps([step.type, fields, listings], sort_keys=True, default=str)
        return sha256(canonical.encode()).hexdigest()

    def find(self, step: Step, key: str, policy: CachePolicy) -> CacheEntry | None:
        """Find the newest success with that key, if it is young enough and its outputs exist."""
        found = self._store.get(_KIND, self._name(step, key))
        if found is None:
            return None
        age = datetime.now(UTC) - found["CreationTime"]
        if policy.maximum_age is not None and age > policy.maximum_age:
            return None
        if not all(self._store.path(uri).exists() for uri in found["Outputs"]):
            return None
        return CacheEntry(
            found["SourcePipelineExecutionArn"],
            found["Properties"],
            found["Metadata"],
            found["Metric"],
        )

    def remember(self, step: Step, key: str, entry: CacheEntry, outputs: Sequence[str]) -> None:
        """Keep a success, and where its outputs are, for later runs."""
        body = {
            "SourcePipelineExecutionArn": entry.execution_arn,
            "Properties": entry.properties,
            "Metadata": entry.metadata,
            "Metric": entry.metric,
            "Outputs": [uri for uri in outputs if self._store.path(uri).exists()],
            "CreationTime": datetime.now(UTC),
        }
        self._store.put(_KIND, self._name(step, key), body)

    def _name(self, step: Step, key: str) -> str:
        return f"{self._pipeline}/{step.name}/{key}"


def forget_results(store: Store, execution_arn: str) -> None:
    """Forget the results of an execution: what it made is being removed."""
    with store.transaction() as connection:
        connection.execute(
            "DELETE FROM documents WHERE kind = ? AND json_valid(body) AND "
            "json_extract(body, '$.SourcePipelineExecutionArn') = ?",
            (_KIND, execution_arn),
        )


def _file_uris(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.startswith("file://"):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _file_uris(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _file_uris(inner)


def _listing(path: Path) -> list[tuple[str, int, int]]:
    found = []
    for file in sorted(_files(path, frozenset())):
        status = file.stat()
        found.append((str(file.relative_to(path)), status.st_size, status.st_mtime_ns))
    return found


def _files(path: Path, above: frozenset[Path]) -> Iterator[Path]:
    """Yield every file at or below a path, through links to folders too, but never in circles."""
    if path.is_file():
        yield path
    elif path.is_dir() and (real := path.resolve()) not in above:
        for inner in path.iterdir():
            yield from _files(inner, above | {real})
