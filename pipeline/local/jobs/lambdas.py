"""Run Lambda steps: the handler in a process of its own, against the local service."""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.local.failures import StepFailed
from pipeline.local.jobs import lambda_main
from pipeline.local.jobs.containers import job_environment, log_tail
from pipeline.local.processes.command import Command, Ending, StartError, run_to_end, start_process
from pipeline.local.service.credentials import Address, service_variables

_STOP_PATIENCE_S = 30.0


def run_lambda(
    step: str,
    arn: str,
    event: Mapping[str, Any],
    *,
    handlers: Mapping[str, Path],
    service: Address | None,
    region: str,
    work: Path,
    should_stop: Callable[[], bool],
    variables: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Invoke the function an ARN names and return its answer.

    `handlers` are files by function name, `variables` the function's own. The handler sees the
    local service as SageMaker and as S3, with credentials that are good for nothing else. A stop
    lets it finish for 30 s, as it may be in the middle of a change. Raises StepFailed.
    """
    name = lambda_main.name_of(arn)
    handler = handlers.get(name)
    if handler is None or not handler.is_file():
        place = handler or "none was named for it"
        raise StepFailed(step, f"no code for the function {name!r}: {place}")
    work.mkdir(parents=True, exist_ok=True)
    log, answer, question = work / "log.txt", work / "answer.json", work / "event.json"
    question.write_text(json.dumps(event))
    files = (str(handler.resolve()), str(question), str(answer))
    with job_environment(work, cores=1, region=region) as base:
        command = Command(
            argv=(sys.executable, lambda_main.__file__, arn, *files),
            cwd=work,
            environment=base | _environment(name, service, region) | dict(variables or {}),
            log=log,
        )
        ending = _invoke(step, command, should_stop)
    if ending.cause != "exited":
        reason = "the function took too long and was ended"
        raise StepFailed(step, reason, exit_code=ending.code, log=log)
    return _read_answer(step, answer, ending.code, log)


def _invoke(step: str, command: Command, should_stop: Callable[[], bool]) -> Ending:
    try:
        return run_to_end(
            command,
            start_process,
            lambda _: None,
            _patient(should_stop),
            limit_s=lambda_main.LIMIT_S,
            grace_s=1.0,
        )
    except StartError as error:
        raise StepFailed(step, str(error)) from error


def output_parameters(
    step: str, declared: Sequence[Mapping[str, str]], answer: Mapping[str, Any]
) -> dict[str, Any]:
    """Select the declared OutputParameters of a step from what its function returned.

    Raises StepFailed for one that is missing.
    """
    found = {}
    for output in declared:
        name = output["OutputName"]
        if name not in answer:
            raise StepFailed(step, f"the function did not return the declared output {name!r}")
        found[name] = answer[name]
    return found


def _environment(name: str, service: Address | None, region: str) -> dict[str, str]:
    own = service_variables(service) | {"AWS_ENDPOINT_URL_S3": service.url} if service else {}
    return own | {
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _patient(should_stop: Callable[[], bool]) -> Callable[[], bool]:
    asked: list[float] = []

    def overdue() -> bool:
        if should_stop() and not asked:
            asked.append(time.monotonic())
        return bool(asked) and time.monotonic() - asked[0] > _STOP_PATIENCE_S

    return overdue


def _read_answer(step: str, file: Path, code: int, log: Path) -> dict[str, Any]:
    try:
        answer = json.loads(file.read_text())
    except (OSError, ValueError):
        answer = {"type": "Runtime", "error": "the function ended without an answer"}
    if "error" in answer:
        reason = f"{answer['type']}: {answer['error']}"
        raise StepFailed(step, reason, exit_code=code, log=log, log_tail=log_tail(log))
    output = answer["output"]
    return output if isinstance(output, dict) else {}
