"""Describe what our job scripts take, print and write; checks know it from here alone.

What a script takes is read from its source; what it prints and writes is described below. A script
that is not in training_code/ is not judged.
"""

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.job_scripts.hyperparameters import (
    TRAINING_CODE,
    Hyperparameter,
    parse_source,
    read_hyperparameters,
)
from pipeline.job_scripts.processing import processing_scripts

# A kind of value, or the words to choose from, in upper or lower case.
OptionType = Literal["int", "float", "bool", "text"] | tuple[str, ...]

ANY_KEY = "*"  # in a sample document: a name that depends on the data


@dataclass(frozen=True)
class Script:
    """What a job script takes, prints and writes.

    `options` are the names it takes as `--name value` or as hyperparameters, with their types,
    `required` those it does not run without, `numbers` those with limits, `channels` the training
    channels it reads, with whether it needs each. `lines` are sample lines of its log, `files`
    samples of the JSON documents it writes, by file name; None where they are not described.
    """

    options: Mapping[str, OptionType]
    required: tuple[str, ...] = ()
    channels: Mapping[str, bool] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    files: Mapping[str, Any] | None = None
    numbers: Mapping[str, Hyperparameter] = field(default_factory=dict)


@dataclass(frozen=True)
class Function:
    """A Lambda function: what its event must hold, and what it answers.

    With `either`, all of one of these groups besides: of the first, unless it has one of another.
    """

    event: tuple[str, ...]
    outputs: tuple[str, ...]
    either: tuple[tuple[str, ...], ...] = ()

    def needed(self, given: Collection[str]) -> tuple[str, ...]:
        """Return what an event must hold that holds what is `given`."""
        meant = (group for group in self.either if any(name in given for name in group))
        return self.event + next(meant, self.either[0] if self.either else ())


_METRIC = {"value": 0.9, "standard_deviation": 0.01}
_METRICS = (
    "accuracy",
    "weighted_recall",
    "weighted_precision",
    "weighted_f0_5",
    "weighted_f1",
    "weighted_f2",
)

_DATASET = {
    "classes": ["Affenpinscher"],
    "counts": {"train": {ANY_KEY: 1}, "valid": {ANY_KEY: 1}, "test": {ANY_KEY: 1}},
    "fingerprint": "0" * 64,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.2, 0.2, 0.2],
    "resize": 256,
    "seed": 0,
    "split_source": "stratified",
    "reading": ["no folder gives valid its classes: it is cut out of train"],
    "ignored": [{"name": "venv/", "reason": "no picture in it"}],
    "refused": [{"file": "a.jpg", "reason": "not a picture"}],
    "duplicates": [{"files": ["a.jpg"], "splits": ["train"], "classes": ["Affenpinscher"]}],
    "same_pixels": [{"files": ["a.jpg"], "splits": ["train"], "classes": ["Affenpinscher"]}],
    "notes": [{"note": "transparent", "count": 1, "files": ["a.png"]}],
    "versions": {ANY_KEY: "1.0"},
}

_EVALUATION = {
    "version": 0.0,
    "serving": {"runtime": "graph", "versions": {ANY_KEY: "1.0"}},
    "dataset": {"item_count": 100},
    "data_fingerprint": "0" * 64,
    "multiclass_classification_metrics": {
        "confusion_matrix": {ANY_KEY: {ANY_KEY: 1}},
        **dict.fromkeys(_METRICS, _METRIC),
        **{f"{name}_best_constant_classifier": _METRIC for name in _METRICS},
        "accuracy_standard_error": {"value": 0.01},
        "top_5_accuracy": {"value": 0.99, "k": 5},
        "expected_calibration_error": {"value": 0.02, "bin_count": 15, "bins": [{ANY_KEY: 0.1}]},
        "per_class": {ANY_KEY: {"recall": 0.9, "precision": 0.9, "count": 10}},
    },
    "card": {
        "observation": "answers the 80% it is surest of with 94.1% accuracy",
        "data": "133 classes; train 6680, valid 835, test 836 pictures",
        "weak_classes": "Affenpinscher 40%",
        "rules": "Overfit: NoIssuesFound",
    },
    "coverage": {
        "summary": "answers the 80% it is surest of with 94.1% accuracy",
        "points": [{"coverage": 0.8, "confidence": 0.5, "accuracy": 0.94}],
        "at": {"accuracy": 0.95, "coverage": 0.76},
        "promised": [{ANY_KEY: 0.9}],
    },
    "unknown": {"threshold": 4.2, "refused": 0.05, "temperature": 1.1},
    "champion": {
        "model_package_arn": "arn:aws:sagemaker:us-east-1:111122223333:model-package/dog-breeds/1",
        "compared": True,
        "reason": "",
        "accuracy": 0.8,
        "difference": 0.1,
        "shortfall": 0.0,
        "paired": {
            "pictures": 100,
            "only_challenger_right": 12,
            "only_champion_right": 2,
            "mcnemar_p_value": 0.01,
        },
        "recall": {ANY_KEY: 0.9},
        "summary": "the champion (dog-breeds/1) has 0.8000 on the same pictures",
    },
}

_FINDINGS = {
    "issues_found": 0,
    "summary": "no debugger rule found issues",
    "rules": [{"name": "Overfit", "status": "NoIssuesFound", "message": "no issues"}],
}


def _option(one: Hyperparameter) -> OptionType:
    kinds: dict[str, OptionType] = {"float": "float", "int": "int", "bool": "bool"}
    return one.choices or kinds.get(one.kind, "text")


def _numbers() -> dict[str, Hyperparameter]:
    known = read_hyperparameters().items()
    return {name: one for name, one in known if one.kind in ("int", "float")}


def _sources(name: str) -> Iterator[ast.AST]:
    """Yield the source of a script, and of the scripts that it runs: it takes their options."""
    tree = parse_source(TRAINING_CODE / name)
    yield tree
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (
                parse_source(TRAINING_CODE / f"{one.name}.py")
                for one in node.names
                if f"{one.name}.py" in processing_scripts(TRAINING_CODE)
            )


def _script(name: str, **rest: Any) -> Script:
    """Describe a script whose options are those that its source gives to argparse."""
    options: dict[str, OptionType] = {}
    required = []
    for node in (node for tree in _sources(name) for node in ast.walk(tree)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".add_argument"):
            option = ast.literal_eval(node.args[0]).removeprefix("--")
            words = {word.arg: word.value for word in node.keywords}
            kind = ast.unparse(words["type"]) if "type" in words else "str"
            options[option] = "int" if kind == "int" else "float" if kind == "float" else "text"
            if "choices" in words:
                options[option] = tuple(ast.literal_eval(words["choices"]))
            if "required" in words:
                required.append(option)
    return Script(options, tuple(required), **rest)


# By script and file name: a sample of each JSON document that the gate may read.
_FILES: Mapping[str, Mapping[str, Any]] = {
    "prepare.py": {"dataset.json": _DATASET},
    "features.py": {},
    "prepare_features.py": {"dataset.json": _DATASET},
    "evaluate.py": {"evaluation.json": _EVALUATION},
    "check_tensors.py": {"findings.json": _FINDINGS},
}

SCRIPTS: Mapping[str, Script] = {
    **{name: _script(name, files=_FILES.get(name)) for name in processing_scripts(TRAINING_CODE)},
    "train.py": Script(
        options={name: _option(one) for name, one in read_hyperparameters().items()},
        numbers=_numbers(),
        channels={"features": True, "dataset": False, "best": False},
        lines=(
            "epoch=3 train_loss=0.123456 train_accuracy=0.912345"
            " valid_loss=0.234567 valid_accuracy=0.801234"
            " best_valid_loss=0.234567 best_valid_accuracy=0.801234",
            "kept epoch 3: validation accuracy 0.801234, loss 0.234567",
            "setting=2 kept epoch=3: validation accuracy 0.8, loss 0.2; settings_done=1 of 7",
            "kept_setting=2 of the search: lr=0.001",
        ),
    ),
}

# By the end of the function's name; what stands before is the project's name.
FUNCTIONS: Mapping[str, Function] = {
    "deploy-endpoint": Function(
        event=("model_package_arn", "endpoint_name", "role_arn"),
        either=(("instance_type", "instance_count"), ("memory_size_mb", "max_concurrency")),
        outputs=("endpoint_name", "endpoint_config_name", "model_name", "action"),
    ),
    "find-champion": Function(
        event=("model_package_group", "no_champion_uri"),
        outputs=("model_data", "model_package_arn", "captured"),
    ),
}
