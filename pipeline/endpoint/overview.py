"""Read what endpoints are and do, without asking them: a look is no request.

Of this machine it reads the state itself, where an endpoint is what DescribeEndpoint answers:
pages look often.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline.endpoint.metrics import Counted, fetch_counted
from pipeline.endpoint.production import found_or_empty, package_of
from pipeline.local.service.following import package_in
from pipeline.local.store import Document, Store
from pipeline.target import Target

if TYPE_CHECKING:
    from pipeline.aws.endpoint_metrics import LastHour

_KIND = "Endpoint"


@dataclass(frozen=True)
class Variant:
    """A variant of an endpoint: its share of the traffic, from 0 to 1, and its instances."""

    name: str
    share: float
    instances: int


@dataclass(frozen=True)
class EndpointView:
    """An endpoint, and what its model server counted; None where none runs.

    `version` is the registered one that it runs, as group/number, or "". `pending` is the
    configuration that it is being brought to, or "". `counts`: whether its server can be read.
    `hour`: what CloudWatch counted where it cannot.
    """

    name: str
    status: str
    version: str
    pending: str
    reason: str
    changed: datetime
    variants: tuple[Variant, ...]
    counted: Counted | None = None
    counts: bool = True
    hour: "LastHour | None" = None


def read_endpoints(store: Store, url: str | None) -> list[EndpointView]:
    """Return every endpoint, newest first; `url` is the live local service's, if there is one."""
    return [_view(store, document, url) for document in reversed(store.list(_KIND))]


def read_endpoint(store: Store, name: str, url: str | None) -> EndpointView | None:
    """Return one endpoint; None where there is none of that name."""
    document = store.get(_KIND, name)
    return _view(store, document, url) if document else None


def describe_endpoints(target: Target, most: int) -> list[EndpointView]:
    """Return the newest endpoints of an account, at most so many: each takes three requests."""
    pages = target.sagemaker.get_paginator("list_endpoints").paginate(
        PaginationConfig={"MaxItems": most, "PageSize": most}
    )
    names = [endpoint["EndpointName"] for page in pages for endpoint in page["Endpoints"]]
    found = (describe_endpoint(target, name) for name in names)
    return [one for one in found if one]


def describe_endpoint(target: Target, name: str) -> EndpointView | None:
    """Return one endpoint of an account; None where there is none of that name."""
    document = found_or_empty(target.sagemaker.describe_endpoint, EndpointName=name)
    if not document:
        return None
    package = package_of(target.sagemaker, document.get("EndpointConfigName"))
    return _described(document, package or "", None, counts=False)


def _view(store: Store, document: Document, url: str | None) -> EndpointView:
    counted = fetch_counted(url, document["EndpointName"]) if url else None
    return _described(document, package_in(store, document), counted)


def _described(
    document: Mapping[str, Any], package: str, counted: Counted | None, *, counts: bool = True
) -> EndpointView:
    return EndpointView(
        name=document["EndpointName"],
        status=document["EndpointStatus"],
        version=package.rpartition("model-package/")[2],
        pending=(document.get("PendingDeploymentSummary") or {}).get("EndpointConfigName", ""),
        reason=document.get("FailureReason", ""),
        changed=document["LastModifiedTime"],
        variants=_variants(document.get("ProductionVariants", [])),
        counted=counted,
        counts=counts,
    )


def _variants(found: Sequence[Mapping[str, Any]]) -> tuple[Variant, ...]:
    total = sum(one.get("CurrentWeight", 0.0) for one in found) or 1.0
    return tuple(
        Variant(
            one["VariantName"],
            one.get("CurrentWeight", 0.0) / total,
            one.get("CurrentInstanceCount", 0),
        )
        for one in found
    )
