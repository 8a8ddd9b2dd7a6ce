"""Deliver events to the function that deploys: one after the other, and none is lost."""

import fcntl
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from pipeline.errors import PipelineError
from pipeline.local.service.deployments.deployer import call_deployer
from pipeline.local.service.operations.events import PENDING, RULE
from pipeline.local.store import Document, Store

DELIVERY = "Delivery"
_POLL_SECONDS = 0.2
_TROUBLED_SECONDS = 2.0
_KEPT = 100
_log = logging.getLogger(__name__)


class Deliveries:
    """A thread that delivers what is pending in a store, for as long as it is open.

    An event is deleted when it was handled: what a killed process left, the next one delivers. Of
    several processes on one store, one delivers at a time.
    """

    def __init__(self, store: Store, url: str) -> None:
        self._store = store
        self._url = url
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let the function finish the event that it is at, and stop."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                try:
                    pause = 0.0 if self._deliver_next() else _POLL_SECONDS
                except PipelineError as error:
                    _log.error("events cannot be delivered now: %s", error)
                    pause = _TROUBLED_SECONDS
                except Exception:
                    _log.exception("events cannot be delivered now")
                    pause = _TROUBLED_SECONDS
                self._closing.wait(pause)
        finally:
            self._store.close()

    def _deliver_next(self) -> bool:
        """Deliver the oldest event; False when there is none, or another process is at it."""
        if not self._store.list(PENDING):
            return False
        with self._turn() as mine:
            pending = self._store.list(PENDING) if mine else []
            if not pending:
                return False
            self._deliver(pending[0])
            return True

    def _deliver(self, pending: Document) -> None:
        event = pending["Event"]
        kept = {"Id": event["id"], "Time": datetime.now(UTC), "Event": event}
        rule = self._store.get(RULE, pending["Group"])
        try:
            if rule:
                kept["Answer"] = call_deployer(
                    self._store, rule, event, self._url, self._closing.is_set
                )
        except PipelineError as error:
            if self._closing.is_set():
                return  # cut off: the next process delivers it
            kept["Error"] = str(error)
        with self._store.transaction():
            self._store.delete(PENDING, event["id"])
            self._store.put(DELIVERY, event["id"], kept)
            for old in self._store.list(DELIVERY)[:-_KEPT]:
                self._store.delete(DELIVERY, old["Id"])

    @contextmanager
    def _turn(self) -> Iterator[bool]:
        with (self._store.root / "deliveries.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True
