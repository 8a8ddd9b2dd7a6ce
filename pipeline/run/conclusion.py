"""Conclude a run after its last step: make its report, and ask its endpoint one question."""

import shlex
import sys
import threading
from dataclasses import replace
from pathlib import Path

from pipeline.command_line.running import default_state, from_here
from pipeline.errors import PipelineError
from pipeline.local.engine.scheduler import ExecutionResult
from pipeline.local.service.http_bodies import MAXIMUM_BODY
from pipeline.local.store import Store
from pipeline.report.after_run import report_local_run
from pipeline.run.outcome import LocalOutcome, output_folder, read_outcome
from pipeline.run.smoke_test import AskingStoppedError, NotAskedError, Question, ask, find_question


def conclude(
    result: ExecutionResult,
    data: str,
    store: Store,
    url: str,
    *,
    cancel: threading.Event,
    command: str | None = None,
) -> LocalOutcome:
    """Report the run and ask its endpoint about one test picture.

    `data` is the address of the pictures, `url` the local service's. A stop, also one that came too
    late for any step, does not keep the report from being made: it takes seconds.
    """
    outcome = read_outcome(result, store)
    question = _question(result, store.path(data), store) if outcome.endpoint else None
    if question:
        outcome = replace(outcome, next_command=_predict_command(question, store))
    # Made while the endpoint comes into service.
    outcome = replace(outcome, report=report_local_run(store, result.execution_arn, command))
    return _asked(outcome, question, url, cancel) if outcome.endpoint else outcome


def _question(result: ExecutionResult, data: Path, store: Store) -> Question | None:
    evaluation = output_folder(result.steps["Evaluate"].properties, "evaluation", store)
    deployed = result.steps["Deploy"].properties["OutputParameters"]
    return find_question(data, evaluation / "predictions.jsonl", deployed)


def _asked(
    outcome: LocalOutcome, question: Question | None, url: str, cancel: threading.Event
) -> LocalOutcome:
    if question is None:
        limit = f"of at most {MAXIMUM_BODY:,} bytes"
        return replace(outcome, not_asked=f"no test picture {limit} is where the run read it")
    try:
        return replace(outcome, asked=ask(question, url, cancel))
    except AskingStoppedError as error:
        return replace(outcome, stopped=str(error))
    except NotAskedError as error:
        return replace(outcome, not_asked=str(error))
    except PipelineError as error:
        return replace(outcome, failure=str(error))


def _predict_command(question: Question, store: Store) -> str:
    words = [from_here(Path(sys.executable)), "-m", "pipeline.endpoint", "predict"]
    words += [from_here(question.path), "--endpoint", question.endpoint]
    if store.root != default_state().resolve():
        words += ["--state", from_here(store.root)]
    return shlex.join(words)
