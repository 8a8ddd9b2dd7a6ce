"""Define the metrics that SageMaker reads from train.py's log: name and regex of each.

Imports the standard library only, so that checks and local runs can use it without the SDK.
"""

from typing import Any, Final, Literal

_NUMBER = r"([0-9.eE+-]+)"

# \b keeps `valid_loss=` from matching inside `best_valid_loss=`. Not a space: SageMaker's toolkit
# strips what it reads of a log, so a metric may come to stand at a line's start.
REGEXES: Final = {
    "train:loss": rf"\btrain_loss={_NUMBER}",
    "train:accuracy": rf"\btrain_accuracy={_NUMBER}",
    "valid:loss": rf"\bvalid_loss={_NUMBER}",
    "valid:accuracy": rf"\bvalid_accuracy={_NUMBER}",
    "best:valid_loss": rf"\bbest_valid_loss={_NUMBER}",
    "best:valid_accuracy": rf"\bbest_valid_accuracy={_NUMBER}",
}

KEPT_SETTING, SETTINGS_DONE = "search:kept_setting", "search:settings_done"
# Of jobs that search several settings, and of the training that takes the best one.
SEARCH_REGEXES: Final = {
    KEPT_SETTING: r"\bkept_setting=([0-9]+)",
    SETTINGS_DONE: r"\bsettings_done=([0-9]+)",
}


def metric_definitions(*, in_parts: bool = False) -> list[dict[str, Any]]:
    """Return the metrics as SageMaker's MetricDefinitions; `in_parts`: of a search in parts."""
    regexes = {**REGEXES, **(SEARCH_REGEXES if in_parts else {})}
    return [{"Name": name, "Regex": regex} for name, regex in regexes.items()]


def objective_type(objective: str) -> Literal["Maximize", "Minimize"]:
    """Decide whether to minimise an objective (losses) or to maximise it (accuracies)."""
    return "Minimize" if objective.endswith("loss") else "Maximize"
