"""Describe SageMaker's XGBoost: its hyperparameters and the metrics that tuning can look at.

From hyperparameter_validation.py and xgb_constants.py of aws/sagemaker-xgboost-container, which
refuses a job that is given anything else; `silent` is of its older versions.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["int", "float", "choice", "list", "any"]

_IMAGE = re.compile(r"\d{12}\.dkr\.ecr\.[^/]+/sagemaker-xgboost[:@].+")


@dataclass(frozen=True)
class Hyperparameter:
    """What an algorithm takes as a hyperparameter: numbers within limits, or words."""

    kind: Kind
    at_least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()

    def fault(self, value: str) -> str | None:
        """Say what is wanted in place of a value; None when it will do."""
        if self.kind == "any":
            return None
        if self.kind in ("choice", "list"):
            words = value.split(",") if self.kind == "list" else [value]
            wrong = [word for word in words if word not in self.choices]
            return f"one of {', '.join(self.choices)}" if wrong else None
        number = _number(value, whole=self.kind == "int")
        return None if number is not None and self._holds(number) else self._wanted()

    def _holds(self, number: float) -> bool:
        return (
            (self.at_least is None or number >= self.at_least)
            and (self.above is None or number > self.above)
            and (self.most is None or number <= self.most)
            and (self.below is None or number < self.below)
        )

    def _wanted(self) -> str:
        limits = {
            "at least": self.at_least,
            "above": self.above,
            "at most": self.most,
            "below": self.below,
        }
        told = [f"{words} {limit:g}" for words, limit in limits.items() if limit is not None]
        kind = "a whole number" if self.kind == "int" else "a number"
        return " ".join([kind, " and ".join(told)]).strip()


def is_xgboost(image: str) -> bool:
    """Check whether an image is SageMaker's XGBoost, which runs with or without a script."""
    return _IMAGE.fullmatch(image) is not None


def _number(text: str, whole: bool) -> float | None:
    try:
        return int(text) if whole else float(text)
    except ValueError:
        return None


def _whole(**limits: Any) -> Hyperparameter:
    return Hyperparameter("int", **limits)


def _real(**limits: Any) -> Hyperparameter:
    return Hyperparameter("float", **limits)


def _one_of(*choices: str) -> Hyperparameter:
    return Hyperparameter("choice", choices=choices)


METRICS = (
    "accuracy",
    "aft-nloglik",
    "auc",
    "aucpr",
    "balanced_accuracy",
    "cox-nloglik",
    "error",
    "f1",
    "f1_binary",
    "f1_macro",
    "gamma-deviance",
    "gamma-nloglik",
    "interval-regression-accuracy",
    "logloss",
    "mae",
    "map",
    "mape",
    "merror",
    "mlogloss",
    "mphe",
    "mse",
    "ndcg",
    "poisson-nloglik",
    "precision",
    "precision_macro",
    "precision_micro",
    "r2",
    "recall",
    "recall_macro",
    "recall_micro",
    "rmse",
    "rmsle",
    "tweedie-nloglik",
)
_WITH_THRESHOLD = ("error", "ndcg", "map")  # as in error@0.7

_SHARE = _real(above=0, most=1)
_FLAG = _whole(at_least=0, most=1)
_TRUTH = _one_of("true", "false")
_FROM_0 = _real(at_least=0)
_UNIT = _real(at_least=0, most=1)

HYPERPARAMETERS: Mapping[str, Hyperparameter] = {
    "_kfold": _whole(at_least=2),
    "_num_cv_round": _whole(at_least=1),
    "_tuning_objective_metric": _one_of(*(f"validation:{name}" for name in METRICS)),
    "aft_loss_distribution": _one_of("normal", "logistic", "extreme"),
    "aft_loss_distribution_scale": _FROM_0,
    "alpha": _FROM_0,
    "base_score": _FROM_0,
    "booster": _one_of("gbtree", "gblinear", "dart"),
    "colsample_bylevel": _SHARE,
    "colsample_bynode": _SHARE,
    "colsample_bytree": _SHARE,
    "csv_weights": _FLAG,
    "deterministic_histogram": _TRUTH,
    "dsplit": _one_of("row", "col"),
    "early_stopping_rounds": _whole(at_least=1),
    "eta": _UNIT,
    "eval_metric": Hyperparameter("any"),  # has a rule of its own
    "gamma": _FROM_0,
    "grow_policy": _one_of("depthwise", "lossguide"),
    "interaction_constraints": Hyperparameter("any"),
    "lambda": _FROM_0,
    "lambda_bias": _UNIT,
    "learning_rate": _UNIT,
    "max_bin": _whole(at_least=0),
    "max_delta_step": _FROM_0,
    "max_depth": _whole(at_least=0),
    "max_leaves": _whole(at_least=0),
    "min_child_weight": _FROM_0,
    "min_split_loss": _FROM_0,
    "monotone_constraints": Hyperparameter("any"),
    "normalize_type": _one_of("tree", "forest"),
    "nthread": _whole(at_least=1),
    "num_class": _whole(at_least=2),
    "num_parallel_tree": _whole(at_least=1),
    "num_round": _whole(at_least=1),
    "objective": _one_of(
        "aft_loss_distribution",
        "binary:hinge",
        "binary:logistic",
        "binary:logitraw",
        "count:poisson",
        "multi:softmax",
        "multi:softprob",
        "rank:map",
        "rank:ndcg",
        "rank:pairwise",
        "reg:absoluteerror",
        "reg:gamma",
        "reg:linear",
        "reg:logistic",
        "reg:pseudohubererror",
        "reg:squarederror",
        "reg:squaredlogerror",
        "reg:tweedie",
        "survival:aft",
        "survival:cox",
    ),
    "one_drop": _FLAG,
    "predictor": _one_of("auto", "cpu_predictor", "gpu_predictor"),
    "prob_buffer_row": _whole(above=1),
    "process_type": _one_of("default", "update"),
    "rate_drop": _UNIT,
    "refresh_leaf": _FLAG,
    "reg_alpha": _FROM_0,
    "reg_lambda": _FROM_0,
    "sample_type": _one_of("uniform", "weighted"),
    "sampling_method": _one_of("uniform", "gradient_based"),
    "save_model_on_termination": _TRUTH,
    "scale_pos_weight": _real(above=0),
    "seed": _whole(above=-(2**31), below=2**31 - 1),
    "silent": _FLAG,
    "sketch_eps": _real(above=0, below=1),
    "skip_drop": _UNIT,
    "subsample": _SHARE,
    "tree_method": _one_of("auto", "exact", "approx", "hist", "gpu_hist"),
    "tweedie_variance_power": _real(above=1, below=2),
    "updater": Hyperparameter(
        "list",
        choices=(
            "coord_descent",
            "distcol",
            "grow_colmaker",
            "grow_histmaker",
            "grow_skmaker",
            "prune",
            "refresh",
            "shotgun",
            "sync",
        ),
    ),
    "use_dask_gpu_training": _TRUTH,
    "verbosity": _whole(at_least=0, most=3),
}
TUNABLE = (
    "alpha",
    "colsample_bylevel",
    "colsample_bynode",
    "colsample_bytree",
    "eta",
    "gamma",
    "lambda",
    "max_delta_step",
    "max_depth",
    "min_child_weight",
    "num_round",
    "subsample",
)
OF_CLASSES = ("multi:softmax", "multi:softprob")  # objectives that need num_class


def is_metric(word: str) -> bool:
    """Check whether a word of eval_metric names a metric, with a threshold or without."""
    name, at, threshold = word.partition("@")
    if at:
        return name.strip() in _WITH_THRESHOLD and _number(threshold, whole=False) is not None
    return word in METRICS
