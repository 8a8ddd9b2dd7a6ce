"""Check the content of a model package's card: what SageMaker would refuse, said beforehand.

The form is the "model package model card schema", version 0.1.0, of AWS's developer guide:
https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-details.html#model-card-schema
It is the one of model cards without `model_package_details`, and with two members of the overview.
"""

import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

LONGEST = 100_000
"""SageMaker's limit of ModelCardContent, in characters."""

_Short = Annotated[str, Field(max_length=63)]
_Line = Annotated[str, Field(max_length=1024)]
_Text = Annotated[str, Field(max_length=2048)]
# AWS's patterns, .{1,63} and .{1,255}, are not anchored: any text with one character fits.
_Name = Annotated[str, Field(pattern=r".")]
_Number = int | float


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


class _Overview(_Part):
    model_creator: _Line | None = None
    model_artifact: list[_Line] | None = None


class _IntendedUses(_Part):
    purpose_of_model: _Text | None = None
    intended_uses: _Text | None = None
    factors_affecting_model_efficiency: _Text | None = None
    risk_rating: Literal["High", "Medium", "Low", "Unknown"] | None = None
    explanations_for_risk_rating: _Text | None = None


class _BusinessDetails(_Part):
    business_problem: _Text | None = None
    business_stakeholders: _Text | None = None
    line_of_business: _Text | None = None


class _TrainingMetric(_Part):
    name: _Name
    notes: _Line | None = None
    value: _Number


class _HyperParameter(_Part):
    name: _Name
    value: _Name


class _Environment(_Part):
    container_image: list[_Line] | None = None


class _TrainingJob(_Part):
    training_arn: _Line | None = None
    training_datasets: list[_Line] | None = None
    training_environment: _Environment | None = None
    training_metrics: list[_TrainingMetric] | None = None
    user_provided_training_metrics: list[_TrainingMetric] | None = None
    hyper_parameters: list[_HyperParameter] | None = None
    user_provided_hyper_parameters: list[_HyperParameter] | None = None


class _TrainingDetails(_Part):
    objective_function: dict[str, Any] | None = None  # AWS's schema leaves it open
    training_observations: _Line | None = None
    training_job_details: _TrainingJob | None = None


class _Simple(_Part):
    name: _Name
    notes: _Line | None = None
    type: Literal["number", "string", "boolean"]
    value: bool | _Number | _Short
    x_axis_name: _Short | None = None
    y_axis_name: _Short | None = None


class _Bars(_Part):
    name: _Name
    notes: _Line | None = None
    type: Literal["bar_chart"]
    value: Annotated[list[_Number], Field(min_length=1)]
    x_axis_name: list[_Short] | None = None
    y_axis_name: _Short | None = None


_Point = Annotated[list[_Number], Field(min_length=2, max_length=2)]


class _Graph(_Part):
    name: _Name
    notes: _Line | None = None
    type: Literal["linear_graph"]
    value: Annotated[list[_Point], Field(min_length=1)]
    x_axis_name: _Short | None = None
    y_axis_name: _Short | None = None


_Row = Annotated[list[_Number], Field(min_length=1, max_length=20)]


class _Matrix(_Part):
    name: _Name
    notes: _Line | None = None
    type: Literal["matrix"]
    value: Annotated[list[_Row], Field(min_length=1, max_length=20)]
    x_axis_name: list[_Short] | None = None
    y_axis_name: list[_Short] | None = None


_Metric = Annotated[_Simple | _Bars | _Graph | _Matrix, Field(discriminator="type")]


class _MetricGroup(_Part):
    model_config = ConfigDict(extra="ignore")  # here AWS's schema is open

    name: _Name
    metric_data: list[_Metric]


class _Evaluation(_Part):
    name: _Name
    evaluation_observation: Annotated[str, Field(max_length=2096)] | None = None
    evaluation_job_arn: Annotated[str, Field(max_length=256)] | None = None
    datasets: Annotated[list[_Line], Field(max_length=10)] | None = None
    metadata: dict[str, _Line] | None = None
    metric_groups: list[_MetricGroup] | None = None


class _Additional(_Part):
    ethical_considerations: _Text | None = None
    caveats_and_recommendations: _Text | None = None
    custom_details: dict[str, _Line] | None = None


class _Card(_Part):
    model_overview: _Overview | None = None
    intended_uses: _IntendedUses | None = None
    business_details: _BusinessDetails | None = None
    training_details: _TrainingDetails | None = None
    evaluation_details: list[_Evaluation] | None = None
    additional_information: _Additional | None = None


def card_problems(content: str) -> list[str]:
    """Say what SageMaker would refuse about a card's content; nothing where it is sound."""
    if len(content) > LONGEST:
        return [f"it has {len(content):,} characters; at most {LONGEST:,}"]
    if len(content.splitlines()) > 1:  # AWS's pattern for it, .*, ends at the end of a line
        return ["it has more than one line"]
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        return [f"it is not JSON: {error}"]
    if null := _null(document):
        return [f"{null}: null stands where nothing may: leave it out"]
    try:
        _Card.model_validate(document)
    except ValidationError as error:
        return [_said(one) for one in error.errors()]
    return []


def _null(value: Any, path: str = "") -> str:
    """Return the place of a null, which our optional members would take and AWS does not."""
    inner = enumerate(value) if isinstance(value, list) else ()
    members: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else inner
    found = (_null(one, f"{path}.{key}".lstrip(".")) for key, one in members)
    return (path or "it") if value is None else next(filter(None, found), "")


def _said(error: Any) -> str:
    place = ".".join(map(str, error["loc"]))
    return f"{place or 'it'}: {error['msg']}"
