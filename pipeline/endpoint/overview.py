"""Read what this machine's endpoints are and do, without asking them: a look is no request.

It reads the state itself, where an endpoint is what DescribeEndpoint answers: pages look often.
"""

from dataclasses import dataclass
from datetime import datetime

from pipeline.endpoint.metrics import Counted, fetch_counted
from pipeline.local.service.following import package_in
from pipeline.local.store import Document, Store

_KIND = "Endpoint"


@dataclass(frozen=True)
class Variant:
    """A variant of an endpoint: its share of the traffic, from 0 to 1, and its instances."""

    name: str
    share: float
    instances: int


@dataclass(frozen=True)
class EndpointView:
    """An endpoint of this machine, and what its model server counted; None where none runs.

    `version` is the registered one that it runs, as group/number, or "". `pending` is the
    configuration that it is being brought to, or "".
    """

    name: str
    status: str
    version: str
    pending: str
    reason: str
    changed: datetime
    variants: tuple[Variant, ...]
    counted: Counted | None = None


def read_endpoints(store: Store, url: str | None) -> list[EndpointView]:
    """Return every endpoint, newest first; `url` is the live local service's, if there is one."""
    return [_view(store, document, url) for document in reversed(store.list(_KIND))]


def read_endpoint(store: Store, name: str, url: str | None) -> EndpointView | None:
    """Return one endpoint; None where there is none of that name."""
    document = store.get(_KIND, name)
    return _view(store, document, url) if document else None


def _view(store: Store, document: Document, url: str | None) -> EndpointView:
    name = document["EndpointName"]
    return EndpointView(
        name=name,
        status=document["EndpointStatus"],
        version=package_in(store, document).rpartition("model-package/")[2],
        pending=(document.get("PendingDeploymentSummary") or {}).get("EndpointConfigName", ""),
        reason=document.get("FailureReason", ""),
        changed=document["LastModifiedTime"],
        variants=_variants(document.get("ProductionVariants", [])),
        counted=fetch_counted(url, name) if url else None,
    )


def _variants(found: list[Document]) -> tuple[Variant, ...]:
    total = sum(one["CurrentWeight"] for one in found) or 1.0
    return tuple(
        Variant(one["VariantName"], one["CurrentWeight"] / total, one["CurrentInstanceCount"])
        for one in found
    )
