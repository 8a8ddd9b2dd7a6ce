"""Read the debugger's rules and their parameters from the text of training_code/debugger/rules/.

Importing them would need packages that only jobs install.
"""

import ast
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.syntax_trees import parse

CODE = Path(__file__).resolve().parents[2] / "training_code"
_REGISTRATION = "debugger/rules/__init__.py"
_NOT_SET = ("self", "base_trial", "action_json")


def rule_names(code: Path = CODE) -> tuple[str, ...]:
    """Return the names of the debugger's rules, in the order of their table."""
    return tuple(_modules(code))


@cache
def rule_parameters(name: str, code: Path = CODE) -> dict[str, Any]:
    """Return the parameters of a debugger rule and their defaults, in the order of its class."""
    methods = (node for node in _class(name, code).body if isinstance(node, ast.FunctionDef))
    taken = next((method.args for method in methods if method.name == "__init__"), None)
    if taken is None:
        return {}
    positional = zip(reversed(taken.args), reversed(taken.defaults), strict=False)
    given = [*reversed(list(positional)), *zip(taken.kwonlyargs, taken.kw_defaults, strict=True)]
    values = {one.arg: ast.literal_eval(default) for one, default in given if default is not None}
    return {parameter: values[parameter] for parameter in values if parameter not in _NOT_SET}


@cache
def rule_collection(name: str, code: Path = CODE) -> tuple[str, str] | None:
    """Return (name, pattern) of the collection to save for a debugger rule, if it asks for one."""
    found: tuple[str, str] | None = _said_by(name, "collection", code)
    return found


@cache
def rule_settings(name: str, code: Path = CODE) -> tuple[str, ...]:
    """Return the settings, `key=value`, to try when a rule fires; none of a rule unknown here."""
    known = name in rule_names(code)
    found: tuple[str, ...] = (known and _said_by(name, "settings", code)) or ()
    return found


@cache
def rule_remedy(name: str, code: Path = CODE) -> str:
    """Return what else than a setting mends what a rule finds, in words; empty without."""
    known = name in rule_names(code)
    return str((known and _said_by(name, "remedy", code)) or "")


def _said_by(name: str, attribute: str, code: Path) -> Any:
    """Return the value that a rule's class gives an attribute; None without."""
    for node in _class(name, code).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == attribute:
            return ast.literal_eval(node.value)
    return None


@cache
def _modules(code: Path) -> dict[str, str]:
    """Return the module of each class in the table, as the registration imports it."""
    body = _parsed(code / _REGISTRATION).body
    modules = {
        alias.name: str(node.module)
        for node in body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    table = next(node.value for node in body if isinstance(node, ast.AnnAssign))
    names = [ast.literal_eval(key) for key in getattr(table, "keys", ())]
    return {name: modules[name] for name in names}


def _class(name: str, code: Path) -> ast.ClassDef:
    file = (code / _modules(code)[name].replace(".", "/")).with_suffix(".py")
    body = _parsed(file).body
    return next(node for node in body if isinstance(node, ast.ClassDef) and node.name == name)


@cache
def _parsed(file: Path) -> ast.Module:
    return parse(file.read_text(encoding="utf-8"))
