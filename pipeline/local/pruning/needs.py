"""Find what still needs a run: its versions, endpoints, models, and runs that took its results."""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from lambda_code.decision_order import Place, place_of
from pipeline.local.service.operations.transforms import KIND as TRANSFORM_JOB
from pipeline.local.service.operations.transforms import UNDER_WAY
from pipeline.local.store import Document, Store

# The tags of lambda_code/deployment_history.py.
PACKAGE_TAG = "model-package-arn"
_ENDPOINT_TAG = "endpoint"
_STANDS_FOR_TAG = "stands-for"
_WORD = re.compile(r"[a-z0-9]+")


def ids_in(documents: Iterable[Document], known: frozenset[str]) -> set[str]:
    """Return the runs that documents name, in an address, an ARN or the name of a job."""
    text = json.dumps(list(documents), default=str)
    return set(known.intersection(_WORD.findall(text)))


def needed_versions(store: Store) -> dict[str, str]:
    """Return the versions that must stay, by ARN, and why: approved, running, or next to return to.

    Production returns to approved versions only. Staging runs versions before any approval, and
    may go back to the one that it had before.
    """
    needed: dict[str, str] = {}
    packages = {package["ModelPackageArn"]: package for package in store.list("ModelPackage")}
    for endpoint in store.list("Endpoint"):
        name = endpoint["EndpointName"]
        running = [_tags_with_time(store, config) for config in _configs_of(endpoint)]
        before = _before(store, name, running, packages)
        reasons = ["is in"] * len(running) + ["ran before in"]
        for tags, why in zip([*running, before], reasons, strict=True):
            if tags and PACKAGE_TAG in tags:
                needed.setdefault(tags[PACKAGE_TAG], f"{why} endpoint {name}")
    for arn, package in packages.items():
        if package.get("ModelApprovalStatus") == "Approved":
            needed[arn] = "is approved"
    return needed


def needing_documents(store: Store) -> Iterator[tuple[Document, str]]:
    """Yield documents whose addresses must stay, and why: models of endpoints and jobs."""
    for hosted in store.list("HostedModel"):
        yield hosted, "an endpoint runs its model"
    for model in store.list("Model"):
        if PACKAGE_TAG not in tags_of(store, model["ModelArn"]):
            yield model, f"model {model['ModelName']} was made of it"
    for job in store.list(TRANSFORM_JOB):
        if job["TransformJobStatus"] in UNDER_WAY:
            yield job, f"transform job {job['TransformJobName']} is at work"
            if its_model := store.get("Model", job["ModelName"]):
                yield its_model, f"transform job {job['TransformJobName']} is at work"


def tags_of(store: Store, arn: str) -> dict[str, str]:
    """Return the tags of a resource."""
    found = store.get("Tags", arn) or {}
    return {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}


def _configs_of(endpoint: Document) -> list[str]:
    pending = endpoint.get("PendingDeploymentSummary") or endpoint
    return [endpoint["EndpointConfigName"], pending["EndpointConfigName"]]


def _tags_with_time(store: Store, name: str) -> dict[str, Any] | None:
    config = store.get("EndpointConfig", name)
    return _dated(store, config) if config else None


def _dated(store: Store, config: Document) -> dict[str, Any]:
    """Return the tags of an endpoint configuration, with the time that it stands for."""
    tags = tags_of(store, config["EndpointConfigArn"])
    return tags | {"time": _time(tags.get(_STANDS_FOR_TAG)) or config["CreationTime"]}


def _before(
    store: Store, endpoint: str, running: list[dict[str, Any] | None], packages: dict[str, Document]
) -> dict[str, Any] | None:
    """Return the newest configuration that the endpoint had before, with another version."""
    current = next((one for one in running if one), None)
    if current is None:
        return None
    found = (_dated(store, config) for config in store.list("EndpointConfig"))
    earlier = [
        one
        for one in found
        if one.get(_ENDPOINT_TAG) == endpoint
        and _place(one) < _place(current)
        and one.get(PACKAGE_TAG) != current.get(PACKAGE_TAG)
        and _may_run(packages.get(one.get(PACKAGE_TAG, "")))
    ]
    return max(earlier, key=_place, default=None)


def _place(tags: dict[str, Any]) -> Place:
    return place_of(tags.get(PACKAGE_TAG, ""), tags["time"])


def _may_run(package: Document | None) -> bool:
    return package is not None and package.get("ModelApprovalStatus") != "Rejected"


def _time(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except ValueError:
        return None  # a tag that somebody wrote by hand
