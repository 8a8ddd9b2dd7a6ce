"""Serve the model under Ray Serve, as AWS's Ray image does when SM_RAYSERVE_APP is `ray_app:app`.

The image passes /invocations on to this application, and /ping on to Ray's own health check.
"""

import os

from anyio import CapacityLimiter, to_thread
from ray import serve
from starlette.requests import Request
from starlette.responses import Response

from inference import CONCURRENT_REQUESTS, model_fn, respond
from runtimes import chosen_environment


@serve.deployment(max_ongoing_requests=64)
class Endpoint:
    """The model, which answers several requests at a time."""

    def __init__(self) -> None:
        """Load the model that is unpacked in SM_MODEL_DIR."""
        if "OMP_NUM_THREADS" not in chosen_environment(os.environ):
            os.environ.pop("OMP_NUM_THREADS", None)  # Ray's own choice: one thread
        self._model = model_fn(os.environ.get("SM_MODEL_DIR", "/opt/ml/model"))
        self._limiter = CapacityLimiter(CONCURRENT_REQUESTS)

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        body, headers = await request.body(), request.headers
        answer = await to_thread.run_sync(
            respond,
            self._model,
            body,
            headers.get("content-type"),
            headers.get("accept"),
            limiter=self._limiter,
        )
        return Response(answer.text, answer.status, headers={"Content-Type": answer.kind})


app = Endpoint.bind()  # type: ignore[attr-defined]
