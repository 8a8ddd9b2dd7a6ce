"""Evaluate debugger rules on a folder of tensors while it grows; alone in its process.

Run as a script: `rule_process.py FOLDER RULES ENDED`. RULES is a JSON list of [key, rule,
parameters]; what is known of a rule is told as a line `outcome {"key", "status", "message"}`. The
file ENDED appears when the training has ended, with the text "stopped" when it was stopped.
"""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_RULE_CODE = Path(__file__).resolve().parents[3] / "training_code"
_LINE = "outcome "
_LEAST_PAUSE_S = 1.0
_PAUSES_FOR_EACH_LOOK = 10  # of its time: at most a tenth of a core


@dataclass
class _Group:
    """A group of rules of different names; `keys` are the callers' names for them."""

    keys: dict[str, str]
    parameters: dict[str, dict[str, str]]
    rules: Any = None


def main(folder: str, rules: str, ended: str) -> int:
    """Evaluate the rules until the training has ended, or all of them are decided."""
    sys.path[0] = str(_RULE_CODE)  # and not this folder, which has other modules
    groups = _grouped(json.loads(rules))
    _open(groups, folder)
    known: set[str] = set()
    count = sum(len(group.keys) for group in groups)
    while len(known) < count:
        begin = time.monotonic()
        end = Path(ended).read_text() if Path(ended).is_file() else None
        for group in groups:
            for outcome in _look(group.rules, end):
                _tell(group.keys[outcome.name], outcome, known)
        if end is not None:
            break
        spent = time.monotonic() - begin
        time.sleep(max(_LEAST_PAUSE_S, _PAUSES_FOR_EACH_LOOK * spent))
    return 0


def _grouped(rules: list[tuple[str, str, dict[str, str]]]) -> list[_Group]:
    """Group rules; the same rule twice needs two groups, as a trial is read once a group."""
    groups: list[_Group] = []
    for key, name, parameters in rules:
        group = next((each for each in groups if name not in each.keys), None)
        if group is None:
            group = _Group({}, {})
            groups.append(group)
        group.keys[name], group.parameters[name] = key, parameters
    return groups


def _open(groups: list[_Group], folder: str) -> None:
    # smdebug loads torch: named here, it is loaded already in the process that this is forked from.
    import torch  # noqa: F401

    from debugger.smdebug_loading import prepare_smdebug

    prepare_smdebug()
    from debugger.rule_evaluation import RuleSet

    for group in groups:
        group.rules = RuleSet(folder, group.parameters)


def _look(rules: Any, end: str | None) -> Any:
    """Return the outcomes of the rules that are decided (debugger/rule_evaluation.py)."""
    known = rules.advance()
    if end is None:
        return known
    return rules.stop() if end == "stopped" else rules.finish()


def _tell(key: str, outcome: Any, known: set[str]) -> None:
    if key not in known:
        known.add(key)
        told = {"key": key, "status": outcome.status, "message": outcome.message}
        print(_LINE + json.dumps(told), flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
