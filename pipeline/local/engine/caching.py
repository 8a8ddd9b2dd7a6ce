"""Cache steps by the fields that SageMaker documents for each step type."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from pipeline.definition.cache_fields import cache_fields
from pipeline.definition.errors import DefinitionError
from pipeline.definition.graph import Step
from pipeline.local.engine.contents import list_contents
from pipeline.local.engine.outputs import KeptFiles, check_output, list_output, with_hashes
from pipeline.local.store import Document, OddDocumentError, Store

_KIND = "StepCache"
_DURATION = re.compile(
    r"P?(?:(?P<y>\d+)y)?(?:(?P<mo>\d+)m)?(?:(?P<w>\d+)w)?(?:(?P<d>\d+)d)?"
    r"(?:t(?:(?P<h>\d+)h)?(?:(?P<mi>\d+)m)?(?:(?P<s>\d+)s)?)?",
    re.IGNORECASE | re.ASCII,
)
_MOST_DIGITS = 12
_DAMAGED = "its entry in the cache is damaged"
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


@dataclass(frozen=True)
class Found:
    """What the cache has of a step; without an entry, `why_not` says what happened to one."""

    entry: CacheEntry | None = None
    why_not: str = ""


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
    if match and max(len(digits or "") for digits in match.groups()) > _MOST_DIGITS:
        raise ValueError(f"{text[:60]!r} is longer than a duration can be")
    numbers = {k: int(v) for k, v in match.groupdict().items() if v} if match else {}
    if not numbers:
        raise ValueError(f"{text[:60]!r} is not a duration: write 30d, PT1H or P30DT5H")
    days = sum(number * _DAYS[unit] for unit, number in numbers.items() if unit in _DAYS)
    try:
        return timedelta(
            days=days,
            hours=numbers.get("h", 0),
            minutes=numbers.get("mi", 0),
            seconds=numbers.get("s", 0),
        )
    except OverflowError:
        raise ValueError(f"{text[:60]!r} is longer than a duration can be") from None


class StepCache:
    """A cache of one pipeline's successful steps, by what went into them.

    SageMaker looks at the fields alone. Here the contents behind file:// inputs count as well
    (every file's path and bytes), because a folder on this machine is edited in place; what lies
    behind s3:// addresses does not, as on SageMaker. What a step wrote must still be as it was.
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
        listings = [
            list_contents(self._store.path(uri), self._store.root)
            for uri in sorted(set(_file_uris(fields)))
        ]
        canonical = json.dumps([step.type, fields, listings], sort_keys=True, default=str)
        return sha256(canonical.encode()).hexdigest()

    def find(self, step: Step, key: str, policy: CachePolicy) -> Found:
        """Find the newest success with that key, young enough and with its outputs whole."""
        name = self._name(step, key)
        try:
            found = self._store.get(_KIND, name)
        except OddDocumentError:
            return Found(None, _DAMAGED)
        if found is None:
            return Found()
        try:
            entry, outputs = _entry(found), _outputs(found)
            age = datetime.now(UTC) - found["CreationTime"]
        except (KeyError, TypeError, ValueError, AttributeError):
            return Found(None, _DAMAGED)
        if policy.maximum_age is not None and age > policy.maximum_age:
            return Found()
        looked = [check_output(self._store.path(uri), kept) for uri, kept in outputs]
        if problem := next((each.problem for each in looked if each.problem), ""):
            return Found(None, f"its output {problem}")
        if any(each.moved for each in looked):  # the same bytes, in new files
            files = {uri: each.kept for (uri, _), each in zip(outputs, looked, strict=True)}
            self._store.put(_KIND, name, found | {"Files": files})
        return Found(entry)

    def problem_of(self, step: str, metadata: Document | None) -> str:
        """Say what is wrong with the outputs of that success; empty for none, or where not kept."""
        for found in self._store.named(_KIND, f"{self._pipeline}/{step}/"):
            if found.get("Metadata") == metadata:
                looked = (
                    check_output(self._store.path(uri), kept) for uri, kept in _outputs(found)
                )
                return next((f"its output {each.problem}" for each in looked if each.problem), "")
        return ""

    def remember(self, step: Step, key: str, entry: CacheEntry, outputs: Sequence[str]) -> None:
        """Keep a success, and which files it wrote, for later runs."""
        paths = {uri: self._store.path(uri) for uri in outputs}
        body = {
            "SourcePipelineExecutionArn": entry.execution_arn,
            "Properties": entry.properties,
            "Metadata": entry.metadata,
            "Metric": entry.metric,
            "Files": {uri: list_output(path) for uri, path in paths.items() if path.exists()},
            "CreationTime": datetime.now(UTC),
        }
        self._store.put(_KIND, self._name(step, key), body)

    def add_hashes(self, step: Step, key: str) -> None:
        """Add the hashes of a success's files: copied or restored, they are known again by these.

        It reads all of them, so it is done beside the steps that follow.
        """
        name = self._name(step, key)
        before = self._store.get(_KIND, name)
        if before is None:
            return
        files = {uri: with_hashes(self._store.path(uri), kept) for uri, kept in _outputs(before)}
        with self._store.transaction():
            if self._store.get(_KIND, name) == before:
                self._store.put(_KIND, name, before | {"Files": files})

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


def _entry(found: Document) -> CacheEntry:
    """Return what is kept of a step. Raises KeyError, TypeError."""
    entry = CacheEntry(
        found["SourcePipelineExecutionArn"],
        found["Properties"],
        found["Metadata"],
        found["Metric"],
    )
    kinds = ((entry.execution_arn, str), (entry.properties, dict), (entry.metadata, dict))
    if not all(isinstance(value, kind) for value, kind in kinds):
        raise TypeError("a cache entry of other types")
    if not isinstance(entry.metric, str | None):
        raise TypeError("a metric that is no text")
    return entry


def _outputs(found: Document) -> list[tuple[str, KeptFiles]]:
    return [
        (uri, {name: (mark, size, digest) for name, (mark, size, digest) in kept.items()})
        for uri, kept in found["Files"].items()
    ]


def _file_uris(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.startswith("file://"):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _file_uris(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _file_uris(inner)
