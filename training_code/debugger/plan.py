"""Read from hyperparameters which tensors a training saves and which rules judge them.

Collections and rules are written `name:parameter=value:other=value`, separated by commas, with
values percent-encoded as in a URL: text that SageMaker's toolkit and a shell pass on unchanged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from job.errors import JobError

Named = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class DebugPlan:
    """Parameters of debugger collections and rules by name; rules in `stop_on` end the training.

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

    def counting(self, batches: int) -> "DebugPlan":
        """Return the plan for training steps that count as so many: it saves as much more often."""
        return replace(
            self,
            collections={
                name: {key: _oftener(key, value, batches) for key, value in parameters.items()}
                for name, parameters in self.collections.items()
            },
        )

    def hook_configuration(self, folder: str) -> dict[str, Any]:
        """Return the plan as SageMaker's debughookconfig.json has it, writing to `folder`."""
        return {
            "LocalPath": folder,
            "HookParameters": {},
            "CollectionConfigurations": [
                {"CollectionName": name, "CollectionParameters": dict(parameters)}
                for name, parameters in self.collections.items()
            ],
        }


def read_plan(collections: str, rules: str, stop_on: str) -> DebugPlan:
    """Read the plan from hyperparameters debug_collections, debug_rules and debug_stop_on."""
    return DebugPlan(
        read_named(collections, "hyperparameter debug_collections"),
        read_named(rules, "hyperparameter debug_rules"),
        tuple(filter(None, stop_on.split(","))),
    )


def read_named(text: str, where: str) -> dict[str, dict[str, str]]:
    """Read `a:x=1:y=2,b` as {"a": {"x": "1", "y": "2"}, "b": {}}; raise JobError with `where`."""
    found: dict[str, dict[str, str]] = {}
    for part in text.split(",") if text else ():
        name, *pairs = part.split(":")
        split = [pair.partition("=") for pair in pairs]
        if not name or not all(key and equals for key, equals, _ in split):
            raise JobError(f"{where}: {part!r} cannot be read; write name:parameter=value:...")
        if name in found:
            raise JobError(f"{where}: {name} is there twice")
        found[name] = {key: unquote(value) for key, _, value in split}
    return found


def _oftener(key: str, value: str, times: int) -> str:
    """Return an interval between training steps divided; what is none, and no number, as it is."""
    is_interval = key in ("save_interval", "train.save_interval") and value.isdecimal()
    return str(max(1, int(value) // times)) if is_interval else value
