"""Read and check training's SageMaker hyperparameters, which arrive as `--name value`."""

import argparse
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from job.errors import JobError

OPTIMIZERS = ("sgd", "adam", "adamw")
GRAPHS = ("onnx", "none")
_WATCHING = ("debug_collections", "debug_rules", "debug_stop_on", "profile")


@dataclass(frozen=True)
class Hyperparameters:
    """One training's settings; `lr` is the head's, `fine_tune_lr` that of unfrozen blocks.

    `epochs` is for the head on cached features; with `fine_tune_blocks` above 0,
    `fine_tune_epochs` on the pictures follow, in `fine_tune_views` random views of each whose
    frozen activations are cached (0: new views every epoch, and nothing is cached). With `export`
    the whole model is written, without it (in tuning) only the head and its metrics. For
    `debug_...` see debugger/plan.py. Raises JobError for values that cannot work.
    """

    lr: float = 0.0003
    batch_size: int = 64
    weight_decay: float = 0.01
    optimizer: str = "adamw"
    epochs: int = 20
    label_smoothing: float = 0.0
    fine_tune_blocks: int = 0
    fine_tune_lr: float = 0.0001
    fine_tune_epochs: int = 5
    fine_tune_views: int = 4
    seed: int = 0
    export: bool = True
    graph: str = "onnx"
    int8: bool = False
    debug_collections: str = ""
    debug_rules: str = ""
    debug_stop_on: str = ""
    profile: bool = False

    def __post_init__(self) -> None:
        _require("lr", self.lr, 0 < self.lr < math.inf, "above 0")
        _require("fine_tune_lr", self.fine_tune_lr, 0 < self.fine_tune_lr < math.inf, "above 0")
        _require("weight_decay", self.weight_decay, 0 <= self.weight_decay < math.inf, "0 or more")
        _require("label_smoothing", self.label_smoothing, 0 <= self.label_smoothing < 1, "0 to 1")
        known = ", ".join(OPTIMIZERS)
        _require("optimizer", self.optimizer, self.optimizer in OPTIMIZERS, f"one of {known}")
        _require("graph", self.graph, self.graph in GRAPHS, f"one of {', '.join(GRAPHS)}")
        has_graph = self.graph != "none"
        _require("int8", self.int8, has_graph or not self.int8, "false when graph is none")
        for name in ("batch_size", "epochs", "fine_tune_epochs"):
            _require(name, getattr(self, name), getattr(self, name) >= 1, "1 or more")
        for name in ("fine_tune_blocks", "fine_tune_views", "seed"):
            _require(name, getattr(self, name), getattr(self, name) >= 0, "0 or more")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without settings that only watch the training."""
        return {name: value for name, value in asdict(self).items() if name not in _WATCHING}


def parse_hyperparameters(arguments: list[str]) -> Hyperparameters:
    """Read `--name value` pairs; ignore SageMaker's own (`sagemaker_...`).

    Raises JobError that names the hyperparameter that is unknown or out of range.
    """
    parser = _Parser(description="Trains the classifier.", allow_abbrev=False)
    for name, read in _READERS.items():
        parser.add_argument(f"--{name}", type=read, default=argparse.SUPPRESS)
    known, others = parser.parse_known_args(arguments)
    for name in others:
        if name.startswith("--") and not name.startswith("--sagemaker_"):
            parser.error(f"{name.removeprefix('--')} is unknown; known are {', '.join(_READERS)}")
    return Hyperparameters(**vars(known))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise JobError(f"hyperparameter {message.removeprefix('argument --')}")


def _require(name: str, value: object, holds: bool, expected: str) -> None:
    if not holds:
        raise JobError(f"hyperparameter {name} is {value}; it must be {expected}")


def _text(value: str) -> str:
    return value.strip().strip('"').lower()  # some versions of the SDK quote categorical values


def _number(value: str) -> float:
    return float(_text(value))


def _whole(value: str) -> int:
    number = float(_text(value))
    if not number.is_integer():
        raise ValueError(value)
    return int(number)


def _yes_or_no(value: str) -> bool:
    return {"true": True, "1": True, "false": False, "0": False}[_text(value)]


def _reader(read: Callable[[str], Any], expected: str) -> Callable[[str], Any]:
    def checked(value: str) -> Any:
        try:
            return read(value)
        except (ValueError, KeyError, OverflowError):
            raise argparse.ArgumentTypeError(f"{value!r} is no {expected}") from None

    return checked


_READERS: dict[str, Callable[[str], Any]] = {
    "lr": _reader(_number, "number"),
    "batch_size": _reader(_whole, "whole number"),
    "weight_decay": _reader(_number, "number"),
    "optimizer": _reader(_text, "name"),
    "epochs": _reader(_whole, "whole number"),
    "label_smoothing": _reader(_number, "number"),
    "fine_tune_blocks": _reader(_whole, "whole number"),
    "fine_tune_lr": _reader(_number, "number"),
    "fine_tune_epochs": _reader(_whole, "whole number"),
    "fine_tune_views": _reader(_whole, "whole number"),
    "seed": _reader(_whole, "whole number"),
    "export": _reader(_yes_or_no, "true or false"),
    "graph": _reader(_text, "name"),
    "int8": _reader(_yes_or_no, "true or false"),
    "debug_collections": str,
    "debug_rules": str,
    "debug_stop_on": str,
    "profile": _reader(_yes_or_no, "true or false"),
}
