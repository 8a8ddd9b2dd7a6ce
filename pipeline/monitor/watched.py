"""Find what an endpoint runs, and where what it is asked is captured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import PipelineError, UsageError

SETTING = "deploy.production.data_capture"


class NotCapturedError(PipelineError):
    """An endpoint whose requests are not captured, so that nothing is known of its pictures."""


@dataclass(frozen=True)
class Watched:
    """An endpoint, the address of the model that it runs, and that of what it captures."""

    endpoint: str
    model: str
    captured: str


def find_watched(sagemaker: Any, wanted: str | None) -> Watched:
    """Return the endpoint of that name, or the only one that captures.

    Raises UsageError for a name that none has or a missing one, NotCapturedError.
    """
    pages = sagemaker.get_paginator("list_endpoints").paginate()
    names = [endpoint["EndpointName"] for page in pages for endpoint in page["Endpoints"]]
    if wanted is not None and wanted not in names:
        there = f"there are: {', '.join(sorted(names))}" if names else "there are none"
        raise UsageError(f"no endpoint {wanted!r}; {there}")
    found = list(_capturing(sagemaker, names if wanted is None else [wanted]))
    if not found:
        raise NotCapturedError(_nothing(wanted))
    if len(found) > 1:
        several = ", ".join(sorted(one.endpoint for one in found))
        raise UsageError(f"several endpoints capture: name one of {several}")
    return found[0]


def _nothing(wanted: str | None) -> str:
    who = f"endpoint {wanted} captures nothing" if wanted else "no endpoint captures anything"
    return (
        f"{who}: production does where {SETTING}.enabled is true; approve a version (python -m "
        "pipeline.registry approve) to deploy it there"
    )


def _capturing(sagemaker: Any, names: Sequence[str]) -> Iterator[Watched]:
    for name in names:
        endpoint = sagemaker.describe_endpoint(EndpointName=name)
        config = sagemaker.describe_endpoint_config(
            EndpointConfigName=endpoint["EndpointConfigName"]
        )
        capture = config.get("DataCaptureConfig") or {}
        if not capture.get("EnableCapture", bool(capture)):
            continue
        variant = config["ProductionVariants"][0]
        uri = f"{capture['DestinationS3Uri'].rstrip('/')}/{name}/{variant['VariantName']}"
        yield Watched(name, _model_data(sagemaker, variant["ModelName"]), uri)


def _model_data(sagemaker: Any, name: str) -> str:
    """Return the address of a model's artifact; its package may name it. Raises PipelineError."""
    model = sagemaker.describe_model(ModelName=name)
    container = (model.get("Containers") or [model.get("PrimaryContainer") or {}])[0]
    if package := container.get("ModelPackageName"):
        described = sagemaker.describe_model_package(ModelPackageName=package)
        container = described["InferenceSpecification"]["Containers"][0]
    if "ModelDataUrl" not in container:
        raise PipelineError(f"model {name} has no ModelDataUrl: it is none of ours")
    return str(container["ModelDataUrl"])
