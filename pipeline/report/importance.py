"""Compute how much each hyperparameter sets a tuning's better half of trials apart: PED-ANOVA.

Watanabe, Bansal and Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in
Arbitrary Subspaces" (2023), as Optuna computes it.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.report.sections.tuning import Trial

_FEWEST = 4
_FEW = 20
_BETTER = 0.5  # a smaller share tells the very best apart, but needs many more trials


@dataclass(frozen=True)
class Importance:
    """A hyperparameter's share in setting the better half of the trials apart; they sum up to 1."""

    name: str
    share: float


def importance_of(
    trials: Sequence["Trial"], ranges: Mapping[str, Any], maximize: bool
) -> tuple[tuple[Importance, ...], str]:
    """Return each hyperparameter's share, largest first, and a note: how computed, or why none."""
    finished = [trial for trial in trials if trial.value is not None]
    if len(finished) < _FEWEST:
        return (), f"{len(finished)} trials have a result: at least {_FEWEST} are needed"
    if len({trial.value for trial in finished}) == 1:
        return (), "every trial has the same result: no hyperparameter made a difference"
    try:
        import optuna
    except ImportError:
        return (), "optuna is not installed: pip install optuna"
    shares = _shares(optuna, finished, _distributions(optuna, ranges), maximize)
    if not sum(shares.values()) > 0:
        return (), f"{len(finished)} trials do not tell the hyperparameters apart"
    found = tuple(Importance(name, share) for name, share in shares.items())
    note = f"PED-ANOVA: what sets the better half of {len(finished)} trials apart"
    return found, note + (": few, so take it as a hint" if len(finished) < _FEW else "")


def _shares(
    optuna: Any, finished: Sequence["Trial"], distributions: Mapping[str, Any], maximize: bool
) -> dict[str, float]:
    optuna.logging.set_verbosity(logging.ERROR)
    study = optuna.create_study(direction="maximize" if maximize else "minimize")
    for trial in finished:
        hyperparameters = {name: trial.hyperparameters.get(name) for name in distributions}
        if None in hyperparameters.values():
            continue
        study.add_trial(
            optuna.trial.create_trial(
                params={
                    name: _read(distributions[name], str(v)) for name, v in hyperparameters.items()
                },
                distributions=dict(distributions),
                value=trial.value,
            )
        )
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=_BETTER)
    found: dict[str, float] = optuna.importance.get_param_importances(
        study, evaluator=evaluator, normalize=True
    )
    return found


def _read(distribution: Any, text: str) -> Any:
    if hasattr(distribution, "choices"):
        return text
    number = float(text) if hasattr(distribution, "step") and distribution.step is None else None
    value = int(float(text)) if number is None else number
    # A value rounded on its way through text must not leave its range.
    return min(max(value, distribution.low), distribution.high)


def _distributions(optuna: Any, ranges: Mapping[str, Any]) -> dict[str, Any]:
    kinds = optuna.distributions
    found: dict[str, Any] = {}
    for item in ranges.get("ContinuousParameterRanges") or []:
        low, high = float(item["MinValue"]), float(item["MaxValue"])
        found[item["Name"]] = kinds.FloatDistribution(low, high, log=_is_log(item))
    for item in ranges.get("IntegerParameterRanges") or []:
        whole = int(item["MinValue"]), int(item["MaxValue"])
        found[item["Name"]] = kinds.IntDistribution(*whole, log=_is_log(item))
    for item in ranges.get("CategoricalParameterRanges") or []:
        choices = [value.strip('"') for value in item["Values"]]
        found[item["Name"]] = kinds.CategoricalDistribution(choices)
    return found


def _is_log(item: Mapping[str, Any]) -> bool:
    return item.get("ScalingType") in ("Logarithmic", "ReverseLogarithmic")
