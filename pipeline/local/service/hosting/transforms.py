"""Run transform jobs: a model server for each job, asked about every object of its input.

What should run stands in the store. A job that a killed or ended service left is run again from
its beginning by the next one; of several services on one store, one runs it.
"""

import fcntl
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import PipelineError, file_reason
from pipeline.local.service.hosting.model_process import ModelServerError, Reply
from pipeline.local.service.operations.context import OperationContext
from pipeline.local.service.operations.models import hosted_model
from pipeline.local.service.operations.transforms import (
    KIND,
    UNDER_WAY,
    begin_transform_job,
    end_transform_job,
)
from pipeline.local.service.transform_objects import (
    SUFFIX,
    TransformObject,
    assembled,
    objects_of,
    payloads,
)
from pipeline.local.store import Document, Store

# Asks the model server of a key, started if need be: (key, hosted, body, headers).
Ask = Callable[[str, Document, bytes, Mapping[str, str]], Reply]

_MEGABYTE = 1024**2
_MOST_AT_ONCE = 64  # as many as one model server lets wait
_AGAIN = (429, 500, 502, 503, 504)
_BUSY = 429
_PAUSE_S = 1.0
_SHOWN = 3
_MOST_ENDS = 5  # of the model server in a row: then the rest is not tried
_log = logging.getLogger(__name__)


class ObjectFailedError(PipelineError):
    """An object of a transform job could not be transformed."""


class Transforms:
    """The transform jobs of a store, run here for as long as it is open."""

    def __init__(
        self, store: Store, ask: Ask, end: Callable[[str], None], closing: threading.Event
    ) -> None:
        """Run jobs with `ask` until `closing`; `end` ends the model server of a key."""
        self._store = store
        self._ask = ask
        self._end = end
        self._threads: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()
        self._closing = closing

    def wake(self) -> None:
        """Begin the jobs that are to run, also those that an ended service left."""
        for job in self._store.list(KIND):
            if job["TransformJobStatus"] in UNDER_WAY:
                self._begin(job["TransformJobName"])

    def settle(self, seconds: float) -> None:
        """Wait for what runs; once `closing` is set, a job is left for the next service."""
        with self._lock:
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(seconds)

    def _begin(self, name: str) -> None:
        with self._lock:
            if name in self._threads or self._closing.is_set():
                return
            thread = threading.Thread(target=self._run, args=(name,), daemon=True)
            self._threads[name] = thread
            thread.start()

    def _run(self, name: str) -> None:
        try:
            with self._turn(name) as mine:
                job = self._store.get(KIND, name) if mine else None
                if job and job["TransformJobStatus"] in UNDER_WAY:
                    self._transform(job)
        except Exception:  # the state cannot be written: the next service tries again
            _log.exception("transform job %s waits still", name)
        finally:
            self._end(_key(name))
            with self._lock:
                del self._threads[name]
            self._store.close()

    @contextmanager
    def _turn(self, name: str) -> Iterator[bool]:
        folder = self._store.root / "transforms"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def _transform(self, job: Document) -> None:
        name = job["TransformJobName"]
        begin_transform_job(self._store, name)
        try:
            hosted = _hosted(self._store, job)
            objects = objects_of(self._store, job["TransformInput"]["DataSource"]["S3DataSource"])
        except PipelineError as error:
            end_transform_job(self._store, name, "Failed", f"ClientError: {error}")
            return
        failures = self._all(job, hosted, objects)
        if self._closing.is_set():
            return
        if self._is_stopping(name):
            end_transform_job(self._store, name, "Stopped")
        elif failures:
            end_transform_job(self._store, name, "Failed", self._reason(name, failures, objects))
        else:
            end_transform_job(self._store, name, "Completed")

    def _all(
        self, job: Document, hosted: Document, objects: list[TransformObject]
    ) -> dict[str, str]:
        """Transform every object until a stop; return the reasons of those that failed."""
        failures: dict[str, str] = {}
        at_once = min(job.get("MaxConcurrentTransforms") or 1, _MOST_AT_ONCE)

        ended: list[str] = []  # why the model server did, since it last answered

        def transform(one: TransformObject) -> None:
            try:
                if len(ended) >= _MOST_ENDS:
                    failures[one.key] = ended[-1]
                elif not self._is_stopping(job["TransformJobName"]):
                    self._one(job, hosted, one)
                    ended.clear()
            except ModelServerError as error:
                ended.append(str(error))
                failures[one.key] = str(error)
            except ObjectFailedError as error:
                ended.clear()
                failures[one.key] = str(error)
            except OSError as error:
                failures[one.key] = file_reason(error)
            finally:
                self._store.close()

        with ThreadPoolExecutor(at_once, "transform") as pool:
            list(pool.map(transform, objects))
        return failures

    def _one(self, job: Document, hosted: Document, one: TransformObject) -> None:
        limit = job["MaxPayloadInMB"] * _MEGABYTE or sys.maxsize
        by_line = job["TransformInput"].get("SplitType") == "Line"
        if not by_line:
            _check_size(one.path.stat().st_size, limit)
        bodies = payloads(
            one.path.read_bytes(),
            by_line=by_line,
            together=job["BatchStrategy"] == "MultiRecord",
            limit=limit,
        )
        answers = []
        for body in bodies:
            _check_size(len(body), limit)
            answers.append(self._answer(job, hosted, body))
        output = job["TransformOutput"]
        target = self._store.path(f"{output['S3OutputPath'].rstrip('/')}/{one.key}{SUFFIX}")
        _write(target, assembled(answers, by_line=output.get("AssembleWith") == "Line"))

    def _answer(self, job: Document, hosted: Document, body: bytes) -> bytes:
        headers = {
            "content-type": job["TransformInput"].get("ContentType", ""),
            "accept": job["TransformOutput"].get("Accept", ""),
        }
        tries = 1 + (job.get("ModelClientConfig") or {}).get("InvocationsMaxRetries", 0)
        while True:
            reply = self._ask(_key(job["TransformJobName"]), hosted, body, headers)
            if reply.status < 400:
                return reply.body
            tries -= reply.status != _BUSY
            ended = reply.status not in _AGAIN or tries <= 0
            if ended or self._closing.wait(_PAUSE_S) or self._is_stopping(job["TransformJobName"]):
                text = reply.body.decode(errors="replace")[:300]
                raise ObjectFailedError(f"the model answered {reply.status}: {text}")

    def _is_stopping(self, name: str) -> bool:
        job = self._store.get(KIND, name)
        gone = job is None or job["TransformJobStatus"] == "Stopping"
        return gone or self._closing.is_set()

    def _reason(
        self, name: str, failures: Mapping[str, str], objects: list[TransformObject]
    ) -> str:
        """Say what failed; every reason goes to a file of the job's own."""
        file = self._store.root / "transforms" / f"{name}.errors.txt"
        file.write_text("".join(f"{key}: {reason}\n" for key, reason in sorted(failures.items())))
        shown = "; ".join(f"{key}: {failures[key]}" for key in sorted(failures)[:_SHOWN])
        count = f"{len(failures):,} of {len(objects):,} objects failed"
        return f"ClientError: {count}, see {file}: {shown}"


def _hosted(store: Store, job: Document) -> Document:
    """Return what a host needs to run the job's model. Raises ApiError."""
    hosted = hosted_model(OperationContext(store), job["ModelName"])
    batch = {
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_BATCH_STRATEGY": job["BatchStrategy"],
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(job["MaxPayloadInMB"]),
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(job.get("MaxConcurrentTransforms") or 1),
    }
    environment = hosted["Environment"] | batch | job.get("Environment", {})
    return hosted | {"Environment": environment}


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise ObjectFailedError(f"{size:,} bytes are more than MaxPayloadInMB allows")


def _key(name: str) -> str:
    return f"transform/{name}"


def _write(target: Path, data: bytes) -> None:
    """Write a file so that nobody ever sees a part of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(data)
    part.replace(target)
