"""Print what lets boto3 and the AWS CLI ask the live service: the owner's shell takes it in."""

import shlex
from pathlib import Path

from pipeline.command_line.documents import json_text
from pipeline.errors import PipelineError
from pipeline.local.service.credentials import service_variables
from pipeline.local.service.operations.context import REGION
from pipeline.local.service.server import find_service


def print_credentials(state: Path, as_json: bool) -> None:
    """Print a live service's variables as lines for a shell. Raises PipelineError without one."""
    service = find_service(state)
    if service is None:
        raise PipelineError(
            "no service runs here: start one with: python -m pipeline.endpoint serve"
        )
    variables = service_variables(service) | {"AWS_DEFAULT_REGION": REGION}
    if as_json:
        print(json_text(variables))
        return
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")
    print("unset AWS_SESSION_TOKEN")  # it would be another key's
