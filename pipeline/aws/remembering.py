"""Remember for a few seconds what AWS answered, so that many looks are few requests."""

import threading
import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

SECONDS = 10.0
_READS = ("Describe", "List", "Filter", "Get")
# What an execution was started with never changes.
_LASTING = ("DescribePipelineDefinitionForExecution", "ListPipelineParametersForExecution")
_LASTING_SECONDS = 3600.0
# Numbers of whole minutes, which AWS bills.
_BY_THE_MINUTE = ("GetMetricData",)
_MINUTE_SECONDS = 60.0
_MOST = 2000
_ASKED = "remembered-as"
_OK = 300

Answer = tuple[Any, Any]
Key = tuple[str, str, str, str]


class Memory:
    """The last answers of clients. Whatever writes makes it forget; what failed it never kept."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._forgotten = 0  # times: what was asked before says nothing of what is now
        self._answers: dict[Key, tuple[float, Answer]] = {}

    def watch(self, client: Any) -> None:
        """Answer what a client asks from memory where that is new enough.

        By botocore's events: so pagination, retries and errors stay as they are.
        """
        name = client.meta.service_model.service_id.hyphenize()
        client.meta.events.register_first(f"before-call.{name}", self._before)
        client.meta.events.register(f"after-call.{name}", self._after)

    def forget(self) -> None:
        """Forget everything but what never changes: the next look asks."""
        with self._lock:
            kept = {key: one for key, one in self._answers.items() if key[0] in _LASTING}
            self._answers = kept
            self._forgotten += 1

    def _before(
        self, model: Any, params: dict[str, Any], context: dict[str, Any], **_others: Any
    ) -> Answer | None:
        if not model.name.startswith(_READS):
            self.forget()
            return None
        key = (model.name, params["url_path"], str(params["query_string"]), _text(params["body"]))
        with self._lock:
            until, answer = self._answers.get(key, (0.0, (None, None)))
            if self._now() < until:
                return deepcopy(answer)  # botocore's paginators change what they are given
            context[_ASKED] = (key, self._forgotten)
        return None

    def _after(
        self, http_response: Any, parsed: Any, context: dict[str, Any], **_others: Any
    ) -> None:
        key, turn = context.pop(_ASKED, (None, 0))
        if key is None or http_response.status_code >= _OK:
            return
        now = self._now()
        until = now + _seconds(key[0])
        with self._lock:
            if turn != self._forgotten:
                return
            # Parts of logs are large: what is of no use any more is not kept.
            self._answers = {k: one for k, one in self._answers.items() if now < one[0]}
            if len(self._answers) >= _MOST:
                self._answers.clear()
            self._answers[key] = (until, (_Status(http_response.status_code), deepcopy(parsed)))


def _seconds(operation: str) -> float:
    """Return for how long an answer is remembered."""
    if operation in _LASTING:
        return _LASTING_SECONDS
    return _MINUTE_SECONDS if operation in _BY_THE_MINUTE else SECONDS


class _Status:
    """All that botocore asks of a response whose answer is parsed already."""

    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


def _text(body: Any) -> str:
    return body.decode(errors="replace") if isinstance(body, bytes) else str(body)
