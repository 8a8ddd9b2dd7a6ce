"""Ask an endpoint about many pictures at a time, and keep each answer as soon as it is sure."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from pipeline.endpoint.batch.answers import AnswersFile
from pipeline.endpoint.batch.asking import Asker
from pipeline.endpoint.batch.pictures import packed
from pipeline.endpoint.predictions import Prediction
from pipeline.errors import PipelineError

_SECONDS_BETWEEN_CHECKS = 2.0
_POLL_S = 0.5
_Asked = Future[list[Prediction]]


class ModelChangedError(PipelineError):
    """An endpoint was brought to another model in the middle of many questions."""


@dataclass
class Tally:
    """The answers of one call so far: how many, and those that are errors."""

    answered: int = 0
    errors: list[Prediction] = field(default_factory=list)

    def add(self, results: Sequence[Prediction]) -> None:
        """Count results."""
        refused = [one for one in results if one.error]
        self.errors += refused
        self.answered += len(results) - len(refused)


def ask_all(
    asker: Asker,
    names: Sequence[str],
    answers: AnswersFile,
    *,
    at_once: int,
    check: Callable[[], None],
    advance: Callable[[int], None] = lambda _count: None,
) -> Tally:
    """Ask about every picture, with so many requests at once, and add the answers to the file.

    `check` raises ModelChangedError when the endpoint has, or is getting, another model; answers
    that came since it last passed are then left out. On Ctrl-C and errors what was answered is
    kept before they are raised.
    """
    batch = _Batch(asker, answers, check, advance)
    with ThreadPoolExecutor(at_once, "ask") as pool:
        try:
            batch.run(pool, packed(names), at_once)
        except BaseException:
            asker.stop()
            batch.finish()
            raise
    return batch.tally


class _Batch:
    """The requests under way, and the answers that are not in the file yet."""

    def __init__(
        self,
        asker: Asker,
        answers: AnswersFile,
        check: Callable[[], None],
        advance: Callable[[int], None],
    ) -> None:
        self.tally = Tally()
        self._asker = asker
        self._answers = answers
        self._check = check
        self._advance = advance
        self._running: set[_Asked] = set()
        self._unsure: list[Prediction] = []
        self._kept = time.monotonic()

    def run(
        self, pool: ThreadPoolExecutor, groups: Iterator[tuple[str, ...]], at_once: int
    ) -> None:
        """Ask until nothing is left, never having read more pictures than are asked about."""
        while True:
            while len(self._running) < at_once and (group := next(groups, None)):
                self._running.add(pool.submit(self._asker.ask, group))
            if not self._running:
                break
            self._take(wait(self._running, _POLL_S, FIRST_COMPLETED).done)
            if time.monotonic() - self._kept >= _SECONDS_BETWEEN_CHECKS:
                self._keep()
        self._keep()

    def finish(self) -> None:
        """Keep what is being answered now, whatever ended the asking."""
        done = wait(self._running).done
        self._take({one for one in done if one.exception() is None})
        self._keep()

    def _take(self, done: set[_Asked]) -> None:
        for one in done:
            self._running.discard(one)
            self._unsure += one.result()

    def _keep(self) -> None:
        self._kept = time.monotonic()
        if not self._unsure:
            return
        results, self._unsure = self._unsure, []
        self._check()
        self._answers.add(results)
        self.tally.add(results)
        self._advance(len(results))


def check_of(client: Any, endpoint: str) -> tuple[str, Callable[[], None]]:
    """Return the name of the model that an endpoint has, and a check that it has no other one.

    Both raise ModelChangedError while the endpoint is being brought to another model.
    """
    config = _config_of(client, endpoint)

    def check() -> None:
        if _config_of(client, endpoint) != config:
            raise ModelChangedError(_changed(endpoint))

    return _model_of(client, config), check


def _config_of(client: Any, endpoint: str) -> str:
    found = client.describe_endpoint(EndpointName=endpoint)
    # not there while AWS adds or takes away instances, which changes no model
    if found.get("PendingDeploymentSummary"):
        raise ModelChangedError(_changed(endpoint))
    return str(found["EndpointConfigName"])


def _model_of(client: Any, config: str) -> str:
    """Return the model's name; it has the version in it, and a hash of all that it is made of."""
    from botocore.exceptions import ClientError

    try:
        variants = client.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    except ClientError:
        return config  # deleted, which the endpoint outlives
    return "+".join(sorted(str(variant.get("ModelName", config)) for variant in variants))


def _changed(endpoint: str) -> str:
    return (
        f"{endpoint} is being brought to another model, so its last answers are left out: when "
        "python -m pipeline.endpoint status says InService, run the command again with a new file"
    )
