"""Read what a model server counted since its start: its /metrics, in Prometheus' text format."""

import http.client
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

_SAMPLE = re.compile(r'([A-Za-z_:][\w:]*)(?:\{(\w+)="((?:[^"\\]|\\.)*)"\})? (\S+)')
_ESCAPED = re.compile(r"\\(.)")
_STAGE = re.compile(r"model_(decode|forward|encode)_seconds")
_OK = 200
_SHARE = 0.95
_PATIENCE_SECONDS = 2
_LARGEST = 4 * 1024**2  # bytes: 10,000 classes have a tenth of it
_BEFORE_THE_MODEL = {
    400: "not a whole request",
    408: "the body came too slowly",
    413: "the body was too large",
    429: "too many requests waited",
}


@dataclass(frozen=True)
class Stage:
    """One stage of answering: its requests, mean, and the bound that 95 % did not exceed.

    In milliseconds; `most` is None where the slowest are beyond the last bound.
    """

    name: str
    requests: int
    mean: float
    most: float | None


@dataclass(frozen=True)
class Counted:
    """The numbers of one model server since it started.

    `classes`: predictions by class. `refusals`: requests without a prediction by the reason, as
    the model's code names it, or in our words where the server refused before it. `unknown`: the
    pictures that show none of the classes; None where the model cannot tell.
    """

    statuses: Mapping[int, int]
    classes: Mapping[str, int]
    refusals: Mapping[str, int]
    stages: tuple[Stage, ...]
    mean: float | None
    at_hand: int
    is_well: bool
    unknown: int | None = None

    @property
    def requests(self) -> int:
        """All requests that were answered, refused ones among them."""
        return sum(self.statuses.values())

    @property
    def refused(self) -> int:
        """The requests that got no prediction."""
        return self.requests - self.statuses.get(_OK, 0)


def fetch_counted(url: str, endpoint: str) -> Counted | None:
    """Ask a live local service at `url`; None where no server of the endpoint runs or answers."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(
        str(place.hostname), place.port, timeout=_PATIENCE_SECONDS
    )
    try:
        connection.request("GET", f"/endpoints/{quote(endpoint, safe='')}/metrics")
        answer = connection.getresponse()
        text = answer.read(_LARGEST).decode(errors="replace")
        return read_counted(text) if answer.status == _OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def read_counted(text: str) -> Counted:
    """Read Prometheus' text; what another server does not tell is 0, and odd lines are nothing."""
    found = _Samples(text)
    statuses = {int(k): n for k, n in found.counts("endpoint_requests_total") if k.isdecimal()}
    by_model = {int(k): n for k, n in found.counts("model_requests_total") if k.isdecimal()}
    seconds = found.value("endpoint_request_seconds_sum")
    answered = sum(statuses.values())
    return Counted(
        statuses=statuses,
        classes=dict(found.counts("model_predictions_total")),
        refusals=_refusals(statuses, by_model, dict(found.counts("model_refusals_total"))),
        stages=tuple(found.stages()),
        mean=1000 * seconds / answered if answered else None,
        at_hand=int(found.value("endpoint_requests_at_hand")),
        is_well=found.value("endpoint_is_well") == 1,
        unknown=found.count("model_unknown_total"),
    )


def _refusals(
    statuses: Mapping[int, int], by_model: Mapping[int, int], codes: Mapping[str, int]
) -> dict[str, int]:
    """Name why requests were refused: by the model's codes, else by the status."""
    found = Counter(codes)
    for status in statuses.keys() - {_OK}:
        plain = f"HTTP {status}"
        own = by_model.get(status, 0)
        # only where the model counts its own is the rest known to be the server's
        words = _BEFORE_THE_MODEL.get(status, plain) if by_model else plain
        found[words] += statuses[status] - own
        if not codes:  # a model of an earlier version tells none
            found[plain] += own
    return {name: count for name, count in found.most_common() if count > 0}


class _Samples:
    """The samples of a text: a value by name, label's value or ""."""

    def __init__(self, text: str) -> None:
        self._values: dict[str, dict[str, float]] = {}
        for line in text.splitlines():
            if found := _SAMPLE.fullmatch(line):
                name, _, label, number = found.groups()
                if (value := _number(number)) is not None:
                    self._values.setdefault(name, {})[_plain(label or "")] = value

    def value(self, name: str) -> float:
        return self._values.get(name, {}).get("", 0.0)

    def count(self, name: str) -> int | None:
        value = self._values.get(name, {}).get("")
        return None if value is None else int(value)

    def counts(self, name: str) -> Iterator[tuple[str, int]]:
        for label, value in self._values.get(name, {}).items():
            yield label, int(value)

    def stages(self) -> Iterator[Stage]:
        for name in self._values:
            stage = _STAGE.fullmatch(name.removesuffix("_count"))
            if stage and name.endswith("_count") and (requests := int(self.value(name))):
                prefix = name.removesuffix("_count")
                mean = 1000 * self.value(f"{prefix}_sum") / requests
                yield Stage(stage[1], requests, mean, self._most(f"{prefix}_bucket", requests))

    def _most(self, name: str, requests: int) -> float | None:
        """Return the first bound, in milliseconds, at or below which 95 % lie."""
        for label, count in self._values.get(name, {}).items():
            bound = _number(label)
            if bound is not None and count >= _SHARE * requests:
                return 1000 * bound
        return None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _plain(label: str) -> str:
    return _ESCAPED.sub(lambda found: {"n": "\n"}.get(found[1], found[1]), label)
