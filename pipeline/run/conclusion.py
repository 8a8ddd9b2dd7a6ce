"""Conclude a run after its last step: make its report, and ask its endpoint one question."""

import shlex
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.command_line.running import from_here, with_state
from pipeline.errors import PipelineError
from pipeline.local.engine.scheduler import ExecutionResult
from pipeline.local.service.client import service_client
from pipeline.local.service.credentials import Address
from pipeline.local.store import Store
from pipeline.report.after_run import report_local_run
from pipeline.run.arrival import Place, SupersededError
from pipeline.run.outcome import LocalOutcome, output_folder, read_outcome
from pipeline.run.smoke_test import Question, ask, deployed_in, find_question, made_question
from pipeline.run.told import read_told
from pipeline.settings.serverless import MAXIMUM_BODY
from pipeline.target import readable_errors

if TYPE_CHECKING:
    from pipeline.report.making import WrittenReport

_PATIENCE_S = 300.0
_POLL_S = 0.2
_NO_PICTURE = f"none of at most {MAXIMUM_BODY:,} bytes is where the run read it"


class AskingStoppedError(PipelineError):
    """A stop came before the endpoint could be asked; the message says before what."""


def conclude(
    result: ExecutionResult,
    data: str,
    store: Store,
    service: Address,
    *,
    cancel: threading.Event,
    command: str | None = None,
    reported: Callable[[], None] = lambda: None,
    part: Callable[[str], AbstractContextManager[None]] = lambda _name: nullcontext(),
) -> LocalOutcome:
    """Report the run and ask its endpoint about one test picture.

    `data` is the address of the pictures. A stop, also one that came too late for any step, does
    not keep the report from being made: it takes seconds. `reported` is called when it is. `part`
    is entered around what takes time.
    """
    outcome = read_outcome(result, store)
    question = _question(result, store.path(data), store) if outcome.endpoint else None
    if question and question.path:
        command_line = _predict_command(question, question.path, store)
        outcome = replace(outcome, next_command=command_line)
    elif question:
        outcome = replace(outcome, made=_NO_PICTURE)
    # Made while the endpoint comes into service.
    with part("report"):
        outcome = _reported(outcome, report_local_run(store, result.execution_arn, command))
        reported()
    if question is None:
        return outcome
    with part("ask the endpoint"):
        return _asked(outcome, question, service, cancel)


def _reported(outcome: LocalOutcome, written: "WrittenReport | None") -> LocalOutcome:
    if written is None:
        return outcome
    told = read_told(written.report, from_here(Path(sys.executable)))
    return replace(outcome, report=from_here(written.path), told=told)


def _question(result: ExecutionResult, data: Path, store: Store) -> Question:
    """Choose a test picture; make one where there is none, so that the endpoint is always asked."""
    evaluation = output_folder(result.steps["Evaluate"].properties, "evaluation", store)
    deployed = deployed_in(result.steps["Deploy"].properties["OutputParameters"])
    found = find_question(data, evaluation / "predictions.jsonl", deployed)
    return found or made_question(deployed)


def _asked(
    outcome: LocalOutcome, question: Question, service: Address, cancel: threading.Event
) -> LocalOutcome:
    try:
        with readable_errors():
            return replace(outcome, asked=ask(question, _here(service, cancel)))
    except AskingStoppedError as error:
        return replace(outcome, stopped=str(error))
    except SupersededError as error:
        return replace(outcome, not_asked=str(error))
    except PipelineError as error:
        return replace(outcome, failure=str(error))


def _here(service: Address, cancel: threading.Event) -> Place:
    """Return the local service as a place to ask; `cancel` ends the waiting."""

    def sleep(seconds: float) -> None:
        if cancel.wait(seconds):
            raise AskingStoppedError("before its endpoint was asked")

    def call(_doing: str, do: Callable[[], Any]) -> Any:
        sleep(0)
        return do()

    return Place(
        service_client("sagemaker", service),
        service_client("sagemaker-runtime", service),
        call=call,
        sleep=sleep,
        say=lambda _line: None,
        poll_s=_POLL_S,
        limit_s=_PATIENCE_S,
    )


def _predict_command(question: Question, path: Path, store: Store) -> str:
    words = [from_here(Path(sys.executable)), "-m", "pipeline.endpoint", "predict"]
    words += [from_here(path), "--endpoint", question.deployed.endpoint]
    return with_state(shlex.join(words), store.root)
