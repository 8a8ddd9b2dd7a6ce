"""Approve, reject and roll back as the commands do, without waiting until production is at rest.

What was decided is in the state before a page is shown: should the console end, the next service
on that state goes on with it.
"""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError
from pipeline.local.service.following import follow_decision, roll_back
from pipeline.local.store import Store
from pipeline.registry.decisions import check_undecided, decide
from pipeline.registry.versions import Version
from pipeline.target import Target, readable_errors


@dataclass(frozen=True)
class Decision:
    """A decision, `Approved` or `Rejected`, about a version that was seen with the mark `seen`."""

    version: Version
    status: str
    reason: str
    seen: str


def decide_here(store: Store, target: Target, decision: Decision) -> None:
    """Decide about a version, and have production follow.

    `target` must answer within this process, so that looking and deciding are one transaction: of
    two people who decide at once, the second is told. Raises DecidedMeanwhileError.
    """
    since, version = datetime.now(UTC), decision.version
    with store.transaction():
        check_undecided(target, version.arn, decision.seen)
        decide(target, version.arn, decision.status, decision.reason)
    follow(store.root, version.group, since)


def follow(state: Path, group: str, since: datetime | None = None) -> None:
    """Deliver what waits for a group, in the background, until production is at rest."""
    moment = since or datetime.now(UTC)
    _start(lambda: follow_decision(state, group, moment))


def roll_back_here(state: Path, endpoint: str, version: str) -> dict[str, Any]:
    """Roll an endpoint back, in the background, and return the answer of the function that deploys.

    Raises DeploymentError for what it refuses.
    """
    answer: Future[dict[str, Any]] = Future()

    def work() -> None:
        try:
            roll_back(state, endpoint, version, answer.set_result)
        except BaseException as error:
            if answer.done():
                raise
            answer.set_exception(error)

    _start(work)
    return answer.result()


def _start(work: Callable[[], object]) -> None:
    threading.Thread(target=_quietly, args=(work,), daemon=True).start()


def _quietly(work: Callable[[], object]) -> None:
    try:
        with readable_errors():
            work()
    except (PipelineError, OSError) as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
