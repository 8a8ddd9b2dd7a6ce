"""Ask about several pictures in one request; wait for a busy endpoint, and find the bad one."""

import base64
import json
import random
import stat
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from inference_code.server.model_server.bodies import MAXIMUM_BODY
from pipeline.endpoint.predictions import (
    Invoke,
    Prediction,
    content_type,
    no_predictions,
    read_answer,
    reason_in,
)
from pipeline.errors import PipelineError, file_reason
from pipeline.settings.serverless import MAXIMUM_BODY as SERVERLESS_BODY

JSON_TYPE = "application/json"
_GOOD = 200
_NO_ANSWER = 0
_NOT_READ = 0
_TOO_LARGE = 413
_OTHER_TYPE = 415
_FAULT = 500
_LATER = (_NO_ANSWER, 429, 502, 503, 504)
_PATIENCE_S = 120.0  # without any answer: longer than an endpoint takes to come back
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
_TRIES_OF_FAULT = 3  # the model may have failed at another request's picture


class EndpointSilentError(PipelineError):
    """An endpoint answered nothing for minutes; what it answered before is kept."""


class AskingEndedError(PipelineError):
    """The asking was stopped while a request waited for a busy endpoint."""


class Asker:
    """Asks an endpoint, from several threads; after `stop` nothing waits any more."""

    def __init__(
        self,
        invoke: Invoke,
        top: int,
        *,
        patience_s: float = _PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._invoke = invoke
        self._top = top
        self._patience_s = patience_s
        self._clock = clock
        self._answered = clock()
        self._stopped = threading.Event()
        self._takes_many = True

    def stop(self) -> None:
        """End all waiting."""
        self._stopped.set()

    def ask(self, names: Sequence[str]) -> list[Prediction]:
        """Return what the endpoint says about each picture, in order.

        Raises EndpointSilentError, AskingEndedError, and botocore's errors that no waiting mends.
        """
        read = {name: _read(name) for name in names}
        pictures = {name: data for name, data in read.items() if isinstance(data, bytes)}
        found = dict(zip(pictures, self._ask_about(list(pictures.items())), strict=True))
        refused = {name: one for name, one in read.items() if isinstance(one, Prediction)}
        return [(found | refused)[name] for name in names]

    def _ask_about(self, pictures: Sequence[tuple[str, bytes]]) -> list[Prediction]:
        if len(pictures) < 2:
            return [self._ask_alone(name, data) for name, data in pictures]
        if self._takes_many:
            status, answer = self._patiently(_body_of([data for _, data in pictures]), JSON_TYPE)
            names = [name for name, _ in pictures]
            results = read_answer(answer, names, self._top) if status == _GOOD else None
            if results:
                return results
            if status in (_GOOD, _OTHER_TYPE):
                self._takes_many = False  # a model's own code may take single pictures only
        middle = len(pictures) // 2
        return [*self._ask_about(pictures[:middle]), *self._ask_about(pictures[middle:])]

    def _ask_alone(self, name: str, data: bytes) -> Prediction:
        for tries_left in reversed(range(_TRIES_OF_FAULT)):
            status, answer = self._patiently(data, content_type(name, data))
            if status == _GOOD:
                results = read_answer(answer, [name], self._top)
                return results[0] if results else no_predictions(name)
            if status != _FAULT or not tries_left:
                break
            self._pause(_FIRST_PAUSE_S)
        return Prediction(name, error=reason_in(answer), status=status)

    def _patiently(self, body: bytes, kind: str) -> tuple[int, bytes]:
        """Ask until there is an answer other than to come again later."""
        pause = _FIRST_PAUSE_S
        while True:
            status, answer = _once(self._invoke, body, kind)
            if status not in _LATER:
                self._answered = self._clock()
                return status, answer
            if self._clock() - self._answered > self._patience_s:
                raise EndpointSilentError(
                    f"the endpoint answered nothing for {self._patience_s:.0f} s, last: "
                    f"{reason_in(answer)}: look at python -m pipeline.endpoint status, then "
                    "run the command again: it goes on from here"
                )
            self._pause(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _pause(self, seconds: float) -> None:
        # of many that were sent away together, not all come again together
        if self._stopped.wait(seconds * random.uniform(0.5, 1.5)):  # noqa: S311 - no secret
            raise AskingEndedError("stopped while the endpoint was busy")


def _once(invoke: Invoke, body: bytes, kind: str) -> tuple[int, bytes]:
    """Ask once; an endpoint that is busy or out of reach is an answer too, one to wait for."""
    from botocore.exceptions import ClientError, ConnectionError, HTTPClientError
    from urllib3.exceptions import HTTPError

    try:
        return invoke(body, kind)
    except ClientError as error:
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        code = error.response["Error"]["Code"]
        if code == "ThrottlingException":
            status = 429
        if status == _TOO_LARGE or (code == "ValidationError" and len(body) > SERVERLESS_BODY):
            return _TOO_LARGE, str(error).encode()  # fewer may fit, or another picture
        if status not in (*_LATER, _FAULT):
            raise
        return 503, str(error).encode()
    except (ConnectionError, HTTPClientError, HTTPError) as error:
        return _NO_ANSWER, str(error).encode()


def _read(name: str) -> bytes | Prediction:
    path = Path(name)
    try:
        known = path.stat()
        if not stat.S_ISREG(known.st_mode):  # reading a pipe may wait for ever
            return Prediction(name, error="it is no regular file", status=_NOT_READ)
        size = known.st_size
        if size <= MAXIMUM_BODY:
            return path.read_bytes()
    except OSError as error:
        return Prediction(name, error=f"cannot be read: {file_reason(error)}", status=_NOT_READ)
    reason = f"{size:,} bytes; an endpoint takes at most {MAXIMUM_BODY:,}"
    return Prediction(name, error=reason, status=_TOO_LARGE)


def _body_of(pictures: Sequence[bytes]) -> bytes:
    instances = [{"b64": base64.b64encode(data).decode()} for data in pictures]
    return json.dumps({"instances": instances}).encode()
