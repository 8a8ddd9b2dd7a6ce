"""Serve one model, and SageMaker's API around it, in the foreground."""

import json
from pathlib import Path

from pipeline.endpoint.invoker import listed
from pipeline.errors import PipelineError, UsageError
from pipeline.local.service.client import sagemaker_client
from pipeline.local.service.server import Service, running_service, serve_until_stopped
from pipeline.local.store import Store
from pipeline.registry.versions import find_version
from pipeline.target import Target, readable_errors, require_state


def serve_model(state: Path, port: int, model: str, group: str | None, as_json: bool) -> None:
    """Serve a model until Ctrl-C or SIGTERM, after printing how to ask it.

    `model` is a version, `newest`, an ARN or a model.tar.gz. Raises UsageError for one that is not
    there and a port in use, PipelineError for a model that does not load.
    """
    title, archive = _find_model(state, model, group)
    with running_service(Store(state), port) as service:
        service.hosting.set_default(archive)
        greeting = _as_json(service, title) if as_json else _as_text(service, title)
        serve_until_stopped(service, greeting)


def _find_model(state: Path, model: str, group: str | None) -> tuple[str, Path]:
    """Return what to call the model, and its archive."""
    if model.endswith((".gz", ".tgz", ".tar")) or Path(model).is_file():
        if not Path(model).is_file():
            raise UsageError(f"there is no file {model}")
        return model, Path(model).resolve()
    require_state(state)
    store = Store(state)
    with readable_errors():
        target = Target(sagemaker_client(store), lambda uri: store.path(uri).read_bytes())
        version = find_version(target, group, model)
    archive = store.path(version.model_data)
    if not archive.is_file():
        raise PipelineError(f"the model of version {version.number} is gone: {archive}")
    return f"{version.group} version {version.number}", archive


def _as_json(service: Service, title: str) -> str:
    return json.dumps({"url": service.url, "model": title, "endpoints": _endpoints(service)})


def _as_text(service: Service, title: str) -> str:
    url = service.url
    names = _endpoints(service)
    name = names[0] if names else "NAME"
    # Without an endpoint, predict asks the served model itself.
    chosen = f" --endpoint {name}" if names else ""
    return f"""\
serving {title} at {url} (Ctrl-C ends it)

  curl -H 'Content-Type: image/jpeg' --data-binary @picture.jpg {url}/invocations

and the endpoints of this machine: {listed(names) or "none yet"}

  python -m pipeline.endpoint predict picture.jpg{chosen}

  export AWS_ENDPOINT_URL_SAGEMAKER={url} AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME={url}
  export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=us-east-1
  python -c 'import boto3; print(boto3.client("sagemaker-runtime").invoke_endpoint(
      EndpointName="{name}", ContentType="image/jpeg",
      Body=open("picture.jpg", "rb"))["Body"].read().decode())'
"""


def _endpoints(service: Service) -> list[str]:
    found = service.api.call("ListEndpoints", {})["Endpoints"]
    return [endpoint["EndpointName"] for endpoint in found]
