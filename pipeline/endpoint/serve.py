"""Serve one model, and SageMaker's API around it, in the foreground."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.command_line.documents import json_line
from pipeline.command_line.running import with_state
from pipeline.endpoint.documents import Serving
from pipeline.endpoint.invoker import listed
from pipeline.errors import PipelineError, UsageError
from pipeline.local.service.client import sagemaker_client
from pipeline.local.service.following import version_in
from pipeline.local.service.operations.events import RULE
from pipeline.local.service.server import Service, running_service, serve_until_stopped
from pipeline.local.store import Store
from pipeline.registry.versions import (
    Version,
    choose_group,
    find_version,
    list_arns,
    newest_approved,
    read_version,
)
from pipeline.target import Target, readable_errors, require_state


@dataclass(frozen=True)
class Served:
    """A model to serve: what it is called, its archive, and what to know of it.

    `approval` is a registered version's; `note` says in a line why this one and what to do.
    """

    title: str
    archive: Path
    approval: str | None = None
    note: str = ""


def serve_model(
    state: Path, port: int, model: str | None, group: str | None, as_json: bool
) -> None:
    """Serve a model until Ctrl-C or SIGTERM, after printing how to ask it.

    `model` is a version, `newest`, an ARN or a model.tar.gz; None is what production runs, else the
    newest approved version, else the newest. Raises UsageError for one that is not there and a port
    in use, PipelineError for a model that does not load.
    """
    served = _find_model(state, model, group)
    with running_service(Store(state), port) as service:
        service.hosting.set_default(served.archive)
        greeting = _as_json(service, served) if as_json else _as_text(service, served, state)
        serve_until_stopped(service, greeting)


def _find_model(state: Path, model: str | None, group: str | None) -> Served:
    if model and (model.endswith((".gz", ".tgz", ".tar")) or Path(model).is_file()):
        if not Path(model).is_file():
            raise UsageError(f"there is no file {model}")
        return Served(model, Path(model).resolve())
    require_state(state)
    store = Store(state)
    with readable_errors():
        target = Target(sagemaker_client(store), lambda uri: store.path(uri).read_bytes())
        version = find_version(target, group, model) if model else _standing(target, store, group)
        arns = list_arns(target, version.group) if version.group else {}
        newest = max(arns, default=version.number)
    archive = store.path(version.model_data)
    if not archive.is_file():
        raise PipelineError(f"the model of version {version.number} is gone: {archive}")
    title = f"{version.group} version {version.number}"
    return Served(title, archive, version.approval, _note(version, newest))


def _standing(target: Target, store: Store, group: str | None) -> Version:
    """Read the version that production runs, else the newest approved one, else the newest."""
    name = choose_group(target, group)
    rule = store.get(RULE, name)
    deployed = version_in(store, rule["Endpoint"]) if rule else None
    if deployed is not None and (arn := list_arns(target, name).get(deployed)):
        return read_version(target, arn)
    return newest_approved(target, name) or find_version(target, name, "newest")


def _note(version: Version, newest: int) -> str:
    if version.approval != "Approved":
        return (
            f"version {version.number} is not approved ({version.approval}): "
            f"python -m pipeline.registry approve {version.number}"
        )
    if version.number != newest:
        return f"version {newest} is newer: --model newest serves that"
    return ""


def _as_json(service: Service, served: Served) -> str:
    names = tuple(_endpoints(service))
    return json_line(Serving(service.url, served.title, served.approval, served.note, names))


def _as_text(service: Service, served: Served, state: Path) -> str:
    url = service.url
    names = _endpoints(service)
    name = names[0] if names else "NAME"
    # Without an endpoint, predict asks the served model itself.
    chosen = f" --endpoint {name}" if names else ""
    own = with_state("", state)
    note = f"\n{served.note}" if served.note else ""
    return f"""\
serving {served.title} at {url} (Ctrl-C ends it){note}

  curl -H 'Content-Type: image/jpeg' --data-binary @picture.jpg {url}/invocations

and the endpoints of this machine: {listed(names) or "none yet"}

  python -m pipeline.endpoint predict picture.jpg{chosen}{own}

boto3 and the AWS CLI need this service's own credentials, which only you can read:

  eval "$(python -m pipeline.endpoint credentials{own})"
  python -c 'import boto3; print(boto3.client("sagemaker-runtime").invoke_endpoint(
      EndpointName="{name}", ContentType="image/jpeg",
      Body=open("picture.jpg", "rb"))["Body"].read().decode())'
"""


def _endpoints(service: Service) -> list[str]:
    found = service.api.call("ListEndpoints", {})["Endpoints"]
    return [endpoint["EndpointName"] for endpoint in found]
