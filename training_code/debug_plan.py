"""What a training saves of itself and which rules judge it, as hyperparameters tell it.

Collections and rules come as `name?parameter=value&other=value`, one after another with a space
between, values percent-encoded as in an address: text that SageMaker's toolkit passes on as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from job_errors import JobError

Named = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class DebugPlan:
    """Parameters of collections and rules by name; `stop_on` are rules that end the training.

    Raises JobError when a rule of `stop_on` is not among the rules.
    """

    collections: Named = field(default_factory=dict)
    rules: Named = field(default_factory=dict)
    stop_on: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.stop_on:
            if name not in self.rules:
                known = ", ".join(self.rules) or "none"
                raise JobError(
                    f"hyperparameter debug_stop_on names {name}, which debug_rules does not: "
                    f"there are {known}"
                )

    @property
    def active(self) -> bool:
        """Whether there is anything to save."""
        return bool(self.collections)

    def hook_configuration(self, folder: str) -> dict[str, Any]:
        """The same as the platform's debughookconfig.json, writing to `folder`."""
        return {
            "LocalPath": folder,
            "HookParameters": {},
            "CollectionConfigurations": [
                {"CollectionName": name, "CollectionParameters": dict(parameters)}
                for name, parameters in self.collections.items()
            ],
        }


def read_plan(collections: str, rules: str, stop_on: str) -> DebugPlan:
    """The plan from the hyperparameters debug_collections, debug_rules and debug_stop_on."""
    return DebugPlan(
        read_named(collections, "hyperparameter debug_collections"),
        read_named(rules, "hyperparameter debug_rules"),
        tuple(stop_on.split()),
    )


def read_named(text: str, where: str) -> dict[str, dict[str, str]]:
    """`a?x=1&y=2 b` -> {"a": {"x": "1", "y": "2"}, "b": {}}. Raises JobError, naming `where`."""
    found: dict[str, dict[str, str]] = {}
    for part in text.split():
        name, mark, query = part.partition("?")
        try:
            values = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(mark)))
        except ValueError:
            values = {}
        if not name or (mark and not values):
            raise JobError(f"{where}: {part!r} cannot be read; write name?parameter=value&...")
        if name in found:
            raise JobError(f"{where}: {name} is there twice")
        found[name] = values
    return found
