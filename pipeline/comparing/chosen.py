"""Read what a run was made with, from its definition, its parameters and its training job.

Told are the settings that decide what a model is and whether it passes; machines, debugging,
caching and deployment change nothing in it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pipeline.definition.node import Node
from pipeline.definition.steps import written_steps
from pipeline.job_scripts.hyperparameters import training_settings, tunable_hyperparameters
from pipeline.job_scripts.searched import read_searched, settings_in
from training_code.searching.settings_table import PART, SETTINGS

NO_WEIGHTS = "none"
NOT_TUNED = "null"
"""The range of a hyperparameter that is not tuned."""
SERVING = ("graph", "int8", "int8_tolerance", "refuse_at", "examples")
"""The settings under `serving` that reach the training, which writes what will serve."""
_IMAGENET = re.compile(r"/weights/torchvision-[^/]+/[^/]+-DEFAULT\.pth$")
_KEPT = re.compile(r"/(weights|decisions)/(?P<digest>[0-9a-f]{16})/(?P<name>[^/]+)$")
# What the pass of the backbone is told besides the settings under `features`, and what Prepare is,
# which may be the same job.
_NOT_FEATURES = (
    *("data", "split", "seed", "layout", "decisions", "resize"),
    *("dataset", "features", "test", "weights"),
    *("backbone", "backbone_seed", "crop", "test_in_train"),
)
_RANGES = ("ContinuousParameterRanges", "IntegerParameterRanges", "CategoricalParameterRanges")
_SHOWN_DIGITS = 8

Values = dict[str, str | None]


@dataclass(frozen=True)
class Chosen:
    """What a run was made with: settings as text, by `section.name`.

    Those in `tuned` are hyperparameters whose value the tuner chose.
    """

    values: Mapping[str, str]
    tuned: frozenset[str] = frozenset()


def read_chosen(
    definition: Mapping[str, Any],
    parameters: Mapping[str, str],
    trained: Mapping[str, str] | None = None,
) -> Chosen:
    """Read what a definition with these parameters tells; `trained`: what its training was given.

    Without `trained` the values that the tuner chose are not known. A definition that is none of
    ours tells little or nothing.
    """
    known = _parameters(definition, parameters)
    found: Values = {}
    tuned: set[str] = set()
    for step in written_steps(definition):
        arguments = step.arguments
        if step.name in ("Prepare", "ExtractFeatures"):  # or one that does the work of both
            options = _options(arguments, known)
            found |= _of_prepare(options, _input_uri(arguments, "decisions"))
            found |= _of_features(options, _input_uri(arguments, "weights"))
        elif step.name == "Evaluate":
            asked = _options(arguments, known).get("coverage_accuracy")
            found["gate.coverage_at"] = coverage_text(asked, known.get("CoverageMinimum"))
        elif step.type == "Tuning":
            found |= _of_tuning(arguments, known)
        elif step.type == "Training":
            given = arguments["HyperParameters"]
            found |= _of_training(given, trained or {}, known)
            tuned |= {f"training.{name}" for name in _tuned(given)}
    found["gate.accuracy_threshold"] = known.get("AccuracyThreshold")
    found["gate.champion_tolerance"] = known.get("ChampionTolerance")
    values = {key: value for key, value in found.items() if value is not None}
    return Chosen(values, frozenset(tuned & values.keys()))


def weights_name(uri: str | None) -> str:
    """Return what `backbone.weights` says of the weights at an address, None being no weights."""
    return "imagenet" if uri and _IMAGENET.search(uri) else file_name(uri)


def file_name(uri: str | None) -> str:
    """Return the name of a file that a setting gave, by its address, None being no file."""
    if uri is None:
        return NO_WEIGHTS
    kept = _KEPT.search(uri)
    return f"{kept['name']} ({kept['digest'][:_SHOWN_DIGITS]})" if kept else uri


def coverage_text(accuracy: object, minimum: object) -> str | None:
    """Return what `gate.coverage_at` asks for as text, None where it asks for nothing."""
    asks = accuracy is not None and minimum is not None
    return f"{{accuracy: {accuracy}, minimum: {minimum}}}" if asks else None


def values_text(values: Sequence[object]) -> str:
    """Return a range of some values as text."""
    return ", ".join(map(str, values))


def limits_text(low: float | str, high: float | str, scaling: str) -> str:
    """Return a range of all between two limits as text."""
    return f"{_number(low)} to {_number(high)}" + ("" if scaling == "Auto" else f" {scaling}")


def _parameters(definition: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    declared = Node(definition)["Parameters"].items()
    defaults = {one["Name"].text or "": one["DefaultValue"].value for one in declared}
    return {n: str(v) for n, v in defaults.items() if v is not None} | dict(given)


def _text(node: Node, parameters: Mapping[str, str]) -> str | None:
    """Return a value as text, one of a parameter too; None for what only a run can tell."""
    value = node.value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value).strip('"')
    return parameters.get((node["Get"].text or "").removeprefix("Parameters."))


def _options(arguments: Node, parameters: Mapping[str, str]) -> dict[str, str | None]:
    """Return the `--name value` of a processing job's command line; a - in a name is a _."""
    given = arguments.at("AppSpecification", "ContainerArguments").items()
    return {
        word.text.removeprefix("--").replace("-", "_"): _text(value, parameters)
        for word, value in pairwise(given)
        if word.text and word.text.startswith("--")
    }


def _input_uri(arguments: Node, name: str) -> str | None:
    for one in arguments["ProcessingInputs"].items():
        if one["InputName"].text == name:
            return one["S3Input"]["S3Uri"].text or ""
    return None


def _of_prepare(options: Values, decisions: str | None) -> Values:
    if "split" not in options:
        return {}  # a step of this name that is none of ours
    return {
        "data.layout": options.get("layout", "auto"),
        "data.split": options["split"],
        "data.seed": options.get("seed"),
        "data.decisions": file_name(decisions),
        "preprocessing.resize": options.get("resize"),
    }


def _of_features(options: Values, weights: str | None) -> Values:
    if "backbone" not in options:
        return {}
    return {
        "data.test_in_train": options.get("test_in_train", "warn" if "test" in options else "off"),
        "preprocessing.crop": options.get("crop"),
        "backbone.name": options["backbone"],
        "backbone.weights": weights_name(weights),
        "backbone.seed": options.get("backbone_seed"),
        **{f"features.{name}": v for name, v in options.items() if name not in _NOT_FEATURES},
    }


def _of_training(given: Node, trained: Mapping[str, str], parameters: Mapping[str, str]) -> Values:
    names = [*(name for name, _ in given.members()), *_searched_names(given)]
    found = {name: _text(Node(trained.get(name, given[name].value)), parameters) for name in names}
    quiet = {name: one.default for name, one in training_settings().items() if one.quiet}
    unsaid = quiet if found.keys() & training_settings() else {}
    return {
        **{f"training.{name}": value for name, value in unsaid.items()},
        **{f"training.{name}": found[name] for name in training_settings() if name in found},
        **{f"serving.{name}": found[name] for name in SERVING if name in found},
    }


def _tuned(given: Node) -> set[str]:
    """Name the hyperparameters whose value the tuner chose, in the training or by the best part."""
    named = {name for name in training_settings() if _is_tuned(given[name])}
    return named | {*_searched_names(given)} & training_settings().keys()


def _searched_names(given: Node) -> Iterator[str]:
    settings = settings_in(given[SETTINGS].text or "")
    yield from next(iter(settings.values()), {})


def _is_tuned(value: Node) -> bool:
    return any("TunedHyperParameters" in (node["Get"].text or "") for node in value.walk())


def _of_tuning(arguments: Node, parameters: Mapping[str, str]) -> Values:
    config = arguments["HyperParameterTuningJobConfig"]
    static = arguments.at("TrainingJobDefinition", "StaticHyperParameters")
    stopping = config["TrainingJobEarlyStoppingType"].text
    named = {
        "strategy": config["Strategy"],
        "objective": config.at("HyperParameterTuningJobObjective", "MetricName"),
        "max_jobs": config.at("ResourceLimits", "MaxNumberOfTrainingJobs"),
        "max_parallel_jobs": config.at("ResourceLimits", "MaxParallelTrainingJobs"),
        "seed": config["RandomSeed"],
    }
    return {
        **{f"tuning.{name}": _text(node, parameters) for name, node in named.items()},
        "tuning.settings_per_trial": "1" if config["Strategy"].exists else None,
        "tuning.early_stopping": {"Auto": "true", "Off": "false"}.get(stopping or ""),
        **{f"tuning.ranges.{name}": NOT_TUNED for name in tunable_hyperparameters()},
        **{f"tuning.ranges.{name}": text for name, text in _ranges(config["ParameterRanges"])},
        **_of_parts(static),
    }


def _of_parts(static: Node) -> Values:
    """Return what a search in parts was drawn from; nothing of any other."""
    searched = read_searched({name: value.value for name, value in static.members()})
    if searched is None:
        return {}
    return {
        "tuning.strategy": searched.strategy,
        "tuning.max_jobs": None if searched.most is None else str(searched.most),
        "tuning.settings_per_trial": str(searched.per_trial),
        "tuning.early_stopping": static["stop_early"].text,
        **{f"tuning.ranges.{name}": text for name, text in _ranges(Node(searched.ranges))},
        f"tuning.ranges.{PART}": None,
    }


def _ranges(ranges: Node) -> Iterator[tuple[str, str]]:
    for kind in _RANGES:
        for one in ranges[kind].items():
            low, high = one["MinValue"].text, one["MaxValue"].text
            values = [(value.text or "").strip('"') for value in one["Values"].items()]
            limits = limits_text(low or "", high or "", one["ScalingType"].text or "Auto")
            yield one["Name"].text or "", values_text(values) if values else limits


def _number(value: float | str) -> str:
    try:
        return f"{float(value):g}"
    except ValueError:
        return str(value)
