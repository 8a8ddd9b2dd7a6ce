"""Take down the endpoints of this machine: runs, versions and files stay where they are."""

from collections.abc import Iterator
from typing import Any

from pipeline.target import Target
from pipeline.teardown.documents import Ended, Found, Thing


def look_here(target: Target) -> Found:
    """Return the endpoints of the local state, with their models.

    Their configurations say where a version served: they stay with the versions.
    """
    client = target.sagemaker
    listings = (
        ("endpoint", client.list_endpoints, "Endpoints", "EndpointName"),
        ("model", client.list_models, "Models", "ModelName"),
    )
    things = [
        Thing(kind, one[name])  # type: ignore[arg-type]
        for kind, listing, member, name in listings
        for one in _listed(listing, member)
    ]
    return Found(tuple(things))


def delete_here(target: Target, found: Found) -> Iterator[Ended]:
    """Delete them in order, and yield what became of each; what is gone already is no fault."""
    from botocore.exceptions import ClientError

    client = target.sagemaker
    deletes = {
        "endpoint": lambda name: client.delete_endpoint(EndpointName=name),
        "model": lambda name: client.delete_model(ModelName=name),
    }
    for thing in found.going:
        try:
            deletes[thing.kind](thing.name)
        except ClientError as error:
            message = str(error.response["Error"]["Message"])
            if "Could not find" not in message:
                yield Ended(thing, "refused", message)
                continue
            yield Ended(thing, "gone")
            continue
        yield Ended(thing, "deleted")


def _listed(listing: Any, member: str) -> Iterator[dict[str, Any]]:
    page = listing()
    while True:
        yield from page[member]
        if not page.get("NextToken"):
            return
        page = listing(NextToken=page["NextToken"])
