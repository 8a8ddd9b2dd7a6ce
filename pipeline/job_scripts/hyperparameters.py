"""Read which hyperparameters training takes from its source, as its packages are not here.

training_code/hyperparameters.py declares each with its type, default and limits. Settings, the
tuner's ranges and the offline check follow from what stands there.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pipeline.syntax_trees import parse

TRAINING_CODE = Path(__file__).resolve().parents[2] / "training_code"
Kind = Literal["float", "int", "bool", "str"]


@dataclass(frozen=True)
class Hyperparameter:
    """A hyperparameter of training, as `hyperparameter(...)` in training_code declares it."""

    name: str
    kind: Kind
    default: Any
    tunable: bool = False
    setting: bool = False
    trials: bool = False
    quiet: bool = False
    watches: bool = False
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    unused_by: tuple[str, ...] = ()
    zero_with: tuple[str, ...] = ()

    def allows(self, value: object) -> bool:
        """Check whether settings may give this value: its type, its limits, its choices."""
        if self.kind == "str":
            return value in self.choices
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if self.kind == "int" and not isinstance(value, int):
            return False
        return (
            (self.above is None or value > self.above)
            and (self.at_least is None or value >= self.at_least)
            and (self.below is None or value < self.below)
            and (self.most is None or value <= self.most)
        )

    def limits(self) -> str:
        """Say in words which numbers are allowed."""
        limits = {
            "above": self.above,
            "at least": self.at_least,
            "below": self.below,
            "at most": self.most,
        }
        return " and ".join(
            f"{words} {limit}" for words, limit in limits.items() if limit is not None
        )


@cache
def read_hyperparameters() -> dict[str, Hyperparameter]:
    """Return every hyperparameter of training by name, in the order of the source."""
    tree = parse_source(TRAINING_CODE / "hyperparameters.py")
    return {one.name: one for one in _declared(tree, "Hyperparameters")}


def tunable_hyperparameters() -> dict[str, Hyperparameter]:
    """Return those that the tuner may vary."""
    return {name: one for name, one in read_hyperparameters().items() if one.tunable}


def training_settings() -> dict[str, Hyperparameter]:
    """Return those that have a value under `training` in the settings."""
    known = read_hyperparameters().items()
    return {name: one for name, one in known if one.tunable or one.setting}


def _declared(tree: ast.Module, name: str) -> Iterator[Hyperparameter]:
    (found,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    for line in found.body:
        if isinstance(line, ast.AnnAssign) and line.value is not None:
            yield _hyperparameter(tree, line, line.value)


def _hyperparameter(tree: ast.Module, line: ast.AnnAssign, value: ast.expr) -> Hyperparameter:
    name, kind = ast.unparse(line.target), ast.unparse(line.annotation)
    if not isinstance(value, ast.Call):
        return Hyperparameter(name, kind, ast.literal_eval(value))  # type: ignore[arg-type]
    facts = {str(word.arg): _value(tree, word.value) for word in value.keywords}
    return Hyperparameter(
        name,
        kind,  # type: ignore[arg-type]
        ast.literal_eval(value.args[0]),
        **facts,
    )


def _value(tree: ast.Module, node: ast.expr) -> Any:
    """Return a literal, or the words of a table by its name, wherever that was imported from."""
    if not isinstance(node, ast.Name):
        return ast.literal_eval(node)
    for line in tree.body:
        if isinstance(line, ast.ImportFrom) and line.module:
            if node.id in (alias.name for alias in line.names):
                path = TRAINING_CODE.joinpath(*line.module.split(".")).with_suffix(".py")
                return _value(parse_source(path), node)
        elif isinstance(line, ast.Assign | ast.AnnAssign):
            targets = line.targets if isinstance(line, ast.Assign) else [line.target]
            if node.id in map(ast.unparse, targets):
                return _words(line.value)
    raise LookupError(f"{node.id} is not defined in training_code")


def _words(table: ast.expr | None) -> tuple[str, ...]:
    if isinstance(table, ast.Dict):
        return tuple(ast.literal_eval(key) for key in table.keys if key is not None)
    return tuple(ast.literal_eval(table)) if table is not None else ()


def parse_source(path: Path) -> ast.Module:
    """Parse a source file of Python."""
    return parse(path.read_text(encoding="utf-8"))
