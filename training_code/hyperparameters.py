"""Read and check training's SageMaker hyperparameters, which arrive as `--name value`."""

import argparse
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, asdict, dataclass, field, fields, replace
from typing import Any, NoReturn

from job.errors import JobError
from learning.class_weights import CLASS_WEIGHTS
from learning.optimizers import FULL_BATCH, OPTIMIZERS

GRAPHS = ("onnx", "none")


def hyperparameter(default: Any, **facts: Any) -> Any:
    """Declare a hyperparameter: its default, and what the settings and the check derive from it.

    `tunable`: may have a range in `tuning.ranges`. `setting`: has a value under `training`.
    `trials`: is told to trials as well, as what is tunable is. `quiet`: is told where it is not the
    default, so that a definition without it is the same as before there was one.
    `above`, `at_least`, `below`: limits of what can work. `most`: the largest that settings take.
    `choices`: the words to choose from. `watches`: changes nothing in the model. `unused_by`: the
    optimizers that make no use of it. `zero_with`: the optimizers that it must be 0 with.
    """
    return field(default=default, metadata=facts)


@dataclass(frozen=True)
class Hyperparameters:
    """One training's settings; `lr` is the head's, `fine_tune_lr` that of unfrozen blocks.

    `epochs` is for the head on cached features; with `fine_tune_blocks` above 0,
    `fine_tune_epochs` on the pictures follow, in `fine_tune_views` random views of each whose
    frozen activations are cached (0: new views every epoch, and nothing is cached). With `export`
    the whole model is written, without it (in tuning) only the head and its metrics. `part` of
    the table `settings` is searched, or the best of it taken: see searching/. For `debug_...` see
    debugger/plan.py. Raises JobError for values that cannot work.
    """

    lr: float = hyperparameter(0.0003, tunable=True, above=0, most=10, unused_by=FULL_BATCH)
    batch_size: int = hyperparameter(64, tunable=True, at_least=1, most=65536, unused_by=FULL_BATCH)
    weight_decay: float = hyperparameter(0.01, tunable=True, at_least=0, most=10)
    optimizer: str = hyperparameter("AdamW", tunable=True, choices=OPTIMIZERS)
    epochs: int = hyperparameter(20, tunable=True, at_least=1, most=10000)
    label_smoothing: float = hyperparameter(0.0, tunable=True, at_least=0, below=1)
    class_weights: str = hyperparameter(
        "none", setting=True, trials=True, quiet=True, choices=CLASS_WEIGHTS
    )
    fine_tune_blocks: int = hyperparameter(
        0, setting=True, at_least=0, most=1000, zero_with=FULL_BATCH
    )
    fine_tune_lr: float = hyperparameter(0.0001, setting=True, above=0, most=10)
    fine_tune_epochs: int = hyperparameter(5, setting=True, at_least=1, most=10000)
    fine_tune_views: int = hyperparameter(4, setting=True, at_least=0, most=64)
    seed: int = hyperparameter(0, setting=True, trials=True, at_least=0)
    export: bool = True
    graph: str = hyperparameter("onnx", choices=GRAPHS)
    int8: bool = False
    int8_tolerance: float = hyperparameter(0.005, at_least=0, most=1)
    refuse_at: float = hyperparameter(0.0, at_least=0, below=1)
    examples: int = hyperparameter(0, at_least=0)
    settings: str = hyperparameter("", watches=True)
    part: str = hyperparameter("", watches=True)
    objective: str = hyperparameter("best:valid_accuracy", watches=True)
    stop_early: bool = hyperparameter(False, watches=True)
    searched: str = hyperparameter("", watches=True)
    debug_collections: str = hyperparameter("", watches=True)
    debug_rules: str = hyperparameter("", watches=True)
    debug_stop_on: str = hyperparameter("", watches=True)
    profile: bool = hyperparameter(False, watches=True)

    def __post_init__(self) -> None:
        for one in fields(self):
            _check(one.name, getattr(self, one.name), **one.metadata)
            if self.optimizer in one.metadata.get("zero_with", ()):
                expected = f"0 with the optimizer {self.optimizer}, which trains the head alone"
                _require(one.name, getattr(self, one.name), not getattr(self, one.name), expected)
        _require(
            "int8", self.int8, self.graph != "none" or not self.int8, "false when graph is none"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without settings that only watch the training."""
        watching = {one.name for one in fields(self) if one.metadata.get("watches")}
        return {name: value for name, value in asdict(self).items() if name not in watching}


def parse_hyperparameters(arguments: list[str]) -> Hyperparameters:
    """Read `--name value` pairs; ignore SageMaker's own (`sagemaker_...`).

    Raises JobError that names the hyperparameter that is unknown or out of range.
    """
    return Hyperparameters(**_read(arguments))


def with_values(settings: Hyperparameters, values: Mapping[str, str]) -> Hyperparameters:
    """Return the settings with other values, given as text. Raises JobError, as above."""
    words = [word for name, value in values.items() for word in (f"--{name}", value)]
    return replace(settings, **_read(words))


def _read(arguments: list[str]) -> dict[str, Any]:
    parser = _Parser(description="Trains the classifier.", allow_abbrev=False)
    for one in fields(Hyperparameters):
        parser.add_argument(f"--{one.name}", type=_reader(one), default=argparse.SUPPRESS)
    known, others = parser.parse_known_args(arguments)
    for name in others:
        if name.startswith("--") and not name.startswith("--sagemaker_"):
            known_names = ", ".join(one.name for one in fields(Hyperparameters))
            parser.error(f"{name.removeprefix('--')} is unknown; known are {known_names}")
    return vars(known)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise JobError(f"hyperparameter {message.removeprefix('argument --')}")


def _check(name: str, value: Any, **facts: Any) -> None:
    """Raise JobError for a value that cannot work, by the facts that `hyperparameter` declares."""
    if isinstance(value, float):
        _require(name, value, math.isfinite(value), "a finite number")
    if (limit := facts.get("above")) is not None:
        _require(name, value, value > limit, f"above {limit}")
    if (limit := facts.get("at_least")) is not None:
        _require(name, value, value >= limit, f"{limit} or more")
    if (limit := facts.get("below")) is not None:
        _require(name, value, value < limit, f"below {limit}")
    if choices := facts.get("choices"):
        _require(name, value, value in choices, f"one of {', '.join(choices)}")


def _require(name: str, value: object, holds: bool, expected: str) -> None:
    if not holds:
        raise JobError(f"hyperparameter {name} is {value}; it must be {expected}")


def _reader(one: Field[Any]) -> Callable[[str], Any]:
    """Return what reads a hyperparameter's text as the type of its field."""
    choices = one.metadata.get("choices")
    if choices:
        return lambda text: _choice(_unquoted(text), choices)
    read, expected = _READERS[one.type]

    def checked(value: str) -> Any:
        try:
            return read(value)
        except (ValueError, KeyError, OverflowError):
            raise argparse.ArgumentTypeError(f"{value!r} is no {expected}") from None

    return checked


def _unquoted(value: str) -> str:
    return value.strip().strip('"')  # some versions of the SDK quote categorical values


def _choice(word: str, choices: Iterable[str]) -> str:
    """Return the choice that is this word in any case, or the word for __post_init__ to refuse."""
    return next((choice for choice in choices if choice.lower() == word.lower()), word)


def _number(value: str) -> float:
    return float(_unquoted(value))


def _whole(value: str) -> int:
    number = float(_unquoted(value))
    if not number.is_integer():
        raise ValueError(value)
    return int(number)


def _yes_or_no(value: str) -> bool:
    return {"true": True, "1": True, "false": False, "0": False}[_unquoted(value).lower()]


_READERS: dict[Any, tuple[Callable[[str], Any], str]] = {
    float: (_number, "number"),
    int: (_whole, "whole number"),
    bool: (_yes_or_no, "true or false"),
    str: (str, "text"),
}
