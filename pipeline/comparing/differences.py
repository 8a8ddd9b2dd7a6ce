"""Say what differs between the settings of two runs, or of one and the defaults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.comparing.chosen import NO_WEIGHTS, Chosen
from pipeline.definition.node import one_line

NOT_KNOWN = "-"
BACKBONE = ("backbone.name", "backbone.weights")
_ORDER = (
    *("backbone", "features", "training", "tuning", "data", "preprocessing", "serving"),
    "gate",
)
_FINE_TUNING = "training.fine_tune_"
_SHOWN = 60  # characters of all differences in a line


@dataclass(frozen=True)
class Difference:
    """A setting whose values differ; None where it is not known or changes nothing.

    Of two runs, `first` and `second` are theirs; against the defaults, the run's and the default.
    """

    key: str
    first: str | None
    second: str | None
    first_tuned: bool = False
    second_tuned: bool = False

    def texts(self) -> tuple[str, str]:
        """Return both values for people."""
        sides = ((self.first, self.first_tuned), (self.second, self.second_tuned))
        first, second = (
            NOT_KNOWN if value is None else value_words(value, tuned) for value, tuned in sides
        )
        return first, second


def differences(first: Chosen, second: Chosen) -> tuple[Difference, ...]:
    """Return what differs between two runs, the backbone first; also what the tuner chose."""
    one, other = at_work(first), at_work(second)
    found = (
        Difference(key, one.get(key), other.get(key), key in first.tuned, key in second.tuned)
        for key in sorted(one | other, key=_place)
    )
    return tuple(one for one in found if not same(one.first, one.second))


def from_defaults(run: Chosen, defaults: Chosen) -> tuple[Difference, ...]:
    """Return what a run was told instead of the defaults; what the tuner chose, it was not told.

    A setting that one of them does not know is left out: it was no choice.
    """
    return tuple(
        Difference(key, value, defaults.values[key])
        for key, value in at_work(run).items()
        if key in defaults.values and key not in run.tuned
        if not same(value, defaults.values[key])
    )


def without_backbone(found: Sequence[Difference]) -> tuple[Difference, ...]:
    """Leave out the backbone and its weights, where they are shown by themselves."""
    return tuple(one for one in found if one.key not in BACKBONE)


def in_short(found: Sequence[Difference] | None, longest: int = _SHOWN) -> str:
    """Return what a run was told instead of the defaults in one line, as `--set` takes it.

    What does not fit is counted; what is not known is a dash.
    """
    if found is None:
        return NOT_KNOWN
    shown = ""
    for number, one in enumerate(found):
        longer = f"{shown} {one_line(f'{one.key}={one.first}')}".strip()
        if number and len(longer) > longest:
            return f"{shown} and {len(found) - number} more"
        shown = longer
    return shown or "nothing"


def backbone_words(run: Chosen | None) -> str:
    """Return the backbone and where its weights are from, in short; a dash when not known."""
    if run is None or BACKBONE[0] not in run.values:
        return NOT_KNOWN
    name, weights = (run.values.get(key, "") for key in BACKBONE)
    return one_line(f"{name} {'random' if weights == NO_WEIGHTS else weights}".strip())


def value_words(value: str, tuned: bool) -> str:
    """Return a value for people: whoever wrote a definition may have written anything."""
    return f"{one_line(value)} (tuned)" if tuned else one_line(value)


def same(first: str | None, second: str | None) -> bool:
    """Check whether two values are equal, as numbers where they are some."""
    if first is None or second is None:
        return first is second
    try:
        return first == second or float(first) == float(second)
    except ValueError:
        return False


def at_work(run: Chosen) -> dict[str, str]:
    """Return the settings of a run without those that change nothing in it, the backbone first."""
    keys = [key for key in run.values if not _is_idle(key, run.values)]
    return {key: run.values[key] for key in sorted(keys, key=_place)}


def _is_idle(key: str, values: Mapping[str, str]) -> bool:
    if key == "backbone.seed":
        return values.get("backbone.weights", NO_WEIGHTS) != NO_WEIGHTS
    if key == "serving.int8_tolerance":
        return values.get("serving.int8") == "false"
    blocks = f"{_FINE_TUNING}blocks"
    return key.startswith(_FINE_TUNING) and key != blocks and values.get(blocks) == "0"


def _place(key: str) -> int:
    section = key.partition(".")[0]
    return _ORDER.index(section) if section in _ORDER else len(_ORDER)
