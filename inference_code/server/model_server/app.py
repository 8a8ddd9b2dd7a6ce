"""Build the HTTP application around one loaded model: /ping, /invocations and /metrics.

It takes a limited number of requests and tells others to come again. A body is limited in size
and time; an answer is the model's own, or an error as JSON.
"""

import logging
from dataclasses import dataclass
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from model_server.bodies import (
    BODY_SECONDS,
    MAXIMUM_BODY,
    BodyError,
    error_body,
    read_body,
)
from model_server.contract import LoadedModel, ModelAnswer
from model_server.health import Work

JSON_TYPE = "application/json"
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_CODES = {
    400: "BadRequest",
    404: "NotFound",
    405: "MethodNotAllowed",
    413: "BodyTooLarge",
    415: "UnsupportedContentType",
    422: "UnusableInput",
}
_log = logging.getLogger("model_server")


@dataclass(frozen=True)
class Limits:
    """The limits of a model server: waiting requests, and seconds for a body to arrive.

    `retry_after` is in whole seconds: what a client beyond the limit is told to wait.
    """

    waiting: int = 64
    body_seconds: float = BODY_SECONDS
    retry_after: int = 1


def create_app(model: LoadedModel, workers: int = 1, limits: Limits | None = None) -> Starlette:
    """Create the application of one loaded model.

    Its code runs `workers` requests at a time, or more if it says that it can.
    """
    concurrency = max(workers, model.concurrency)
    limits = limits or Limits()
    work = Work(concurrency + limits.waiting)

    async def ping(_request: Request) -> Response:
        return Response(status_code=200 if work.is_well else 503)

    async def metrics(_request: Request) -> Response:
        own = model.metrics(model.model) if model.metrics else ""
        return Response(work.metrics() + own, headers={"Content-Type": _METRICS_TYPE})

    async def refused(_request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return _error(status, _CODES.get(status, "Refused"), f"HTTP {status}")

    return Starlette(
        routes=[
            Route("/ping", ping),
            Route("/metrics", metrics),
            Route("/invocations", _invocations(model, work, limits, concurrency), methods=["POST"]),
        ],
        exception_handlers={HTTPException: refused},
    )


def _invocations(model: LoadedModel, work: Work, limits: Limits, concurrency: int) -> Any:

    limiter = CapacityLimiter(concurrency)

    async def invoke(request: Request) -> Response:
        # a place is taken by what can be answered: a slow body keeps none from others
        body = await read_body(request, MAXIMUM_BODY, limits.body_seconds)
        if work.is_full:
            response = _error(429, "Overloaded", "too many requests wait already; come again")
            response.headers["Retry-After"] = str(limits.retry_after)
            return response
        headers = dict(request.headers)
        with work.one_more():
            answer = await to_thread.run_sync(_answer, model, body, headers, limiter=limiter)
        return Response(answer.body, answer.status, headers={"Content-Type": answer.content_type})

    async def invocations(request: Request) -> Response:
        try:
            response = await invoke(request)
        except BodyError as error:
            response = _error(error.status, error.code, error.message)
        work.answered(response.status_code)
        return response

    return invocations


def _answer(model: LoadedModel, body: bytes, headers: dict[str, str]) -> ModelAnswer:
    content_type, accept = headers.get("content-type", ""), headers.get("accept", "")
    try:
        return model.answer(body, content_type, accept, headers)
    except Exception as error:
        return _refusal(error)


def _refusal(error: Exception) -> ModelAnswer:
    """Turn a refusal by the model's code into its status and words, a fault of the code into a 500.

    The code says so with an exception that has a `status` (or `status_code`), `code` and `message`.
    """
    status = getattr(error, "status", None) or getattr(error, "status_code", None)
    if not isinstance(status, int) or not 400 <= status <= 599:
        _log.error("the model failed", exc_info=error)
        content = error_body("InternalError", "the model failed; its log says why")
        return ModelAnswer(500, content, JSON_TYPE)
    code = getattr(error, "code", None) or _CODES.get(status, "Refused")
    content = error_body(str(code), str(getattr(error, "message", "") or error))
    return ModelAnswer(status, content, JSON_TYPE)


def _error(status: int, code: str, message: str) -> Response:
    return Response(error_body(code, message), status, headers={"Content-Type": JSON_TYPE})
