"""Build a version's model card: what people say of the model, and what the run finds out.

SageMaker takes the card as one text, so it is joined of fixed pieces and of references. What comes
in at run time is a number, or text of ours that is known to stand as it is between JSON's quotes:
addresses and names of jobs, fingerprints, and what Evaluate wrote for this (evaluation/card.py).
Parameters of a run do not come in: nobody knows what a user writes there.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagemaker.workflow.entities import PipelineVariable
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.steps import ProcessingStep, TrainingStep

from pipeline.images.catalog import job_image
from pipeline.settings.card import Card
from pipeline.settings.model import Settings
from pipeline.version import VERSION
from steps.evaluate import EVALUATION_FILE
from steps.jobs import BuildContext, output_uri, processing_output

_METRICS = ("accuracy", "weighted_f1", "weighted_precision", "weighted_recall")
_MOST_CHARACTERS = 255  # of a hyperparameter on a card
_LIMITS = (
    "It knows its classes only, and pictures like those it was trained on: other cameras, "
    "surroundings and kinds of pictures make it worse."
)
_ENDS_OF_LINES = str.maketrans({one: f"\\u{ord(one):04x}" for one in "\x85\u2028\u2029"})
_MARK = re.compile(r'"\\u0000([nt])(\d+)"')


@dataclass(frozen=True)
class _Number:
    """A reference whose value stands in the card as a number, not as text."""

    reference: Any


def model_card(
    context: BuildContext, prepare: ProcessingStep, train: TrainingStep, evaluate: ProcessingStep
) -> dict[str, Any] | None:
    """Return CreateModelPackage's ModelCard; None when the settings ask for none."""
    card = context.settings.card
    if not card.enabled:
        return None
    content = {
        "model_overview": {
            "model_creator": card.owner or context.settings.project,
            "model_artifact": [train.properties.ModelArtifacts.S3ModelArtifacts],
        },
        "intended_uses": _intended_uses(card, context.settings),
        "business_details": {
            "business_problem": card.business_problem,
            "business_stakeholders": card.stakeholders,
            "line_of_business": card.line_of_business,
        },
        "training_details": _training(context.settings, prepare, train),
        "evaluation_details": [_evaluation(prepare, evaluate)],
        "additional_information": _additional(card, context, evaluate),
    }
    return {"ModelCardContent": joined(_without_none(content)), "ModelCardStatus": card.status}


def _intended_uses(card: Card, settings: Settings) -> dict[str, Any]:
    purpose = f"It names which of the classes of {settings.project} a picture shows."
    return {
        "purpose_of_model": card.purpose or purpose,
        "intended_uses": card.intended_uses,
        "factors_affecting_model_efficiency": card.limits or _LIMITS,
        "risk_rating": card.risk_rating,
        "explanations_for_risk_rating": card.risk_reason,
    }


def _training(settings: Settings, prepare: ProcessingStep, train: TrainingStep) -> dict[str, Any]:
    objective = settings.tuning.objective
    function = "Minimize" if objective.endswith("loss") else "Maximize"
    facet = "Loss" if function == "Minimize" else "Accuracy"
    rules = ", ".join(rule.name for rule in settings.debugger.rules)
    watched = "off" if settings.debugger.mode == "off" else rules or "none"
    observations = f"Backbone {settings.backbone.name}. Debugger rules: {watched}."
    return {
        "objective_function": {
            "function": {"function": function, "facet": facet, "condition": objective[:63]}
        },
        "training_observations": observations[:1024],
        "training_job_details": {
            "training_arn": train.properties.TrainingJobArn,
            "training_datasets": [processing_output(prepare, "dataset")],
            "training_environment": {
                "container_image": [
                    job_image(settings.aws.region, settings.instances.training.type)
                ]
            },
            "hyper_parameters": list(_hyperparameters(train)),
        },
    }


def _hyperparameters(train: TrainingStep) -> list[dict[str, Any]]:
    request: Any = train.arguments
    given: Mapping[str, Any] = request["HyperParameters"]
    return [
        {"name": name, "value": value}
        for name, value in given.items()
        if not name.startswith("sagemaker_")
        if isinstance(value, PipelineVariable) or 0 < len(str(value)) <= _MOST_CHARACTERS
    ]


def _evaluation(prepare: ProcessingStep, evaluate: ProcessingStep) -> dict[str, Any]:
    metrics = "multiclass_classification_metrics"
    numbers = {name: f"{metrics}.{name}.value" for name in _METRICS}
    numbers["accuracy_standard_error"] = f"{metrics}.accuracy_standard_error.value"
    numbers["pictures"] = "dataset.item_count"
    return {
        "name": "test pictures",
        "evaluation_observation": _of(evaluate, "card.observation"),
        "evaluation_job_arn": evaluate.properties.ProcessingJobArn,
        "datasets": [processing_output(prepare, "test")],
        "metric_groups": [
            {
                "name": "test pictures",
                "metric_data": [
                    {"name": name, "type": "number", "value": _Number(_of(evaluate, path))}
                    for name, path in numbers.items()
                ],
            }
        ],
    }


def _additional(card: Card, context: BuildContext, evaluate: ProcessingStep) -> dict[str, Any]:
    return {
        "ethical_considerations": card.ethics,
        "caveats_and_recommendations": card.recommendations,
        "custom_details": {
            "data": _of(evaluate, "card.data"),
            "data_fingerprint": _of(evaluate, "data_fingerprint"),
            "weak_classes": _of(evaluate, "card.weak_classes"),
            "debugger_rules": _of(evaluate, "card.rules"),
            "pipeline_version": VERSION,
            "report": output_uri(context, "report", "report.html"),
        },
    }


def _of(evaluate: ProcessingStep, path: str) -> Any:
    """Return a reference to what Evaluate wrote at a path of evaluation.json."""
    return JsonGet(step_name=evaluate.name, property_file=EVALUATION_FILE, json_path=path)


def _without_none(value: Any) -> Any:
    """Drop what was not given, and what is empty without it."""
    if isinstance(value, dict):
        kept = {key: _without_none(one) for key, one in value.items() if one is not None}
        return {key: one for key, one in kept.items() if one != {}}
    return [_without_none(one) for one in value] if isinstance(value, list) else value


def joined(document: Any) -> Join:
    """Return a document as one JSON text, in one line, that has its references' values."""
    found: list[Any] = []

    def mark(value: Any) -> str:
        found.append(value)
        kind = "n" if isinstance(value, _Number) else "t"
        return f"\0{kind}{len(found) - 1}"

    text = json.dumps(document, default=mark, ensure_ascii=False, separators=(",", ":"))
    fixed, *rest = _MARK.split(text.translate(_ENDS_OF_LINES))
    values: list[Any] = [fixed]
    for kind, number, after in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        quote = '"' if kind == "t" else ""
        values[-1] += quote
        values += [*_pieces(found[int(number)]), quote + after]
    return Join(on="", values=values)


def _pieces(value: Any) -> list[Any]:
    """Return the pieces of a reference; those of a Join by themselves, so that none holds one."""
    if isinstance(value, _Number):
        return [value.reference]
    if not isinstance(value, Join):
        return [value]
    between = [piece for one in value.values for piece in (value.on, one)]
    return between[1:]
