"""Serve the model as AWS's model servers ask for it: by model_fn and transform_fn.

In: the bytes of one picture (of a format in picture_formats.py), whatever image type or no type at
all is told; a form with one file; or application/json with up to 64 pictures, each with an id or
without:

    {"instances": [{"b64": "<base64 of a picture>", "id": "mine"}, ...]}

Out, as application/json (the default): the classes once, in order, and for each picture its best
class and every probability, by name and as a plain list in the order of `classes`, and the id that
it came with:

    {"classes": ["a", "b"],
     "predictions": [{"label": "b", "probability": 0.75,
                      "probabilities": {"a": 0.25, "b": 0.75},
                      "probability_list": [0.25, 0.75]}]}

A model that can tell (known.py) adds to each picture `"known"`, false when it shows none of the
classes, the `"score"` that says so when it is above the `"threshold"`, and then the `"nearest"`
classes. Its label and probabilities stay what they are without.

Beside the instances, `"explain": true` asks why, for at most 8 pictures: each answer then has an
`"explanation"`, with `"heat"`, a PNG in base64 to lay over the upright picture, and `"looks_like"`,
the training pictures with the most similar features.

Or as text/csv: one row a picture, no header: label, its probability, then the probabilities in
the order of the classes, then its id. What cannot be used is answered with
`{"error": {"code": "...", "message": "..."}}`: 400 not readable, 406 no such answer format, 413 too
large, 415 no such input format, 422 readable but not usable, 500 a fault of ours. Nothing is ever
fetched, and nothing is ever unpickled.

transform_fn, and not input_fn, predict_fn and output_fn: an exception out of those makes AWS's
model server answer with a traceback.
"""

import io
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

from PIL import Image

from answer_writing import answer_type, explained, write_answer
from artifact import ArtifactError
from explaining import Explanation
from metrics_log import open_metrics_log
from prediction import Model, decode_pictures, decode_squares, explain, open_model, predict
from request_errors import RequestError, refuse
from request_reading import JSON_TYPE, Body, read_request
from runtimes import runtimes_of
from serving_metrics import STAGES, Served

# what is no part of AWS's contract is here for jobs, which know no other module of an artifact's:
# open_model, predict, explain and runtimes_of for Evaluate, monitoring also asks as a server does
__all__ = [
    "CONCURRENT_REQUESTS",
    "RequestError",
    "decode_squares",
    "explain",
    "explained",
    "metrics_text",
    "model_fn",
    "open_model",
    "predict",
    "read_request",
    "runtimes_of",
    "transform_fn",
]

# The most threads that a server may have in transform_fn at a time: they decode while one runs
# the network, and pictures that waited then run as one batch.
CONCURRENT_REQUESTS = 8
_WARM_UP_SIZE = (500, 400)
_log = logging.getLogger("inference")


@dataclass(frozen=True)
class Answer:
    """The answer to a request: an HTTP status, the text and its content type."""

    status: int
    text: str
    kind: str


def model_fn(model_dir: str, context: Any = None) -> Model:
    """Load the artifact extracted at `model_dir`, and answer one picture with it to warm up.

    Raises ArtifactError when the artifact is damaged or cannot answer: a server that has loaded a
    model can answer with it, and is warm.
    """
    properties: Mapping[str, Any] = getattr(context, "system_properties", None) or {}
    # AWS's servers say who they are, and start a worker for each core or each GPU
    model = open_model(
        Path(model_dir),
        worker_per_core=bool(properties.get("server_name")),
        gpu=properties.get("gpu_id"),
    )
    _warm_up(model, Path(model_dir))
    description = model.description
    name = f"{description.backbone}-{description.data_fingerprint[:12]}"
    return replace(model, log=open_metrics_log(os.environ, name))


def metrics_text(model: Model) -> str:
    """Return the model's counts since it was loaded, as Prometheus text: not of AWS's contract."""
    return model.metrics.prometheus()


def transform_fn(
    model: Model,
    body: Body,
    content_type: str | None,
    accept: str | None,
    context: Any,
) -> tuple[str, str]:
    """Return the answer to a request and its content type; never raises.

    The status goes to `context`, the model server's own.
    """
    answer = respond(model, body, content_type, accept)
    if answer.status != HTTPStatus.OK:
        phrase = HTTPStatus(answer.status).phrase
        context.set_response_status(code=answer.status, phrase=phrase)
    return answer.text, answer.kind


def respond(model: Model, body: Body, content_type: str | None, accept: str | None) -> Answer:
    """Answer any request, usable or not, and count it."""
    try:
        answer, served = _answer(model, body, content_type, accept)
    except RequestError as error:
        answer, served = _refusal(error)
    except Exception:
        _log.exception("a request failed")  # the trace shows our lines, never the request's content
        fault = RequestError(500, "InternalError", "the model failed; its log says why")
        answer, served = _refusal(fault)
    model.metrics.add(served)
    if model.log is not None:
        model.log.add(served)
    return answer


def _refusal(error: RequestError) -> tuple[Answer, Served]:
    served = Served(error.status, code=error.code)
    return Answer(error.status, error.body(), JSON_TYPE), served


def _answer(
    model: Model, body: Body, content_type: str | None, accept: str | None
) -> tuple[Answer, Served]:
    start = time.perf_counter()
    kind = answer_type(accept)
    request = read_request(body, content_type)
    if request.explain and kind != JSON_TYPE:
        refuse(406, "NotAcceptable", f"what explains is answered as {JSON_TYPE} only")
    pictures = decode_pictures(request.pictures, model)
    squares = [square for square, _ in pictures]
    decoded = time.perf_counter()
    explanations: list[Explanation] = []
    if request.explain:
        predictions, explanations = explain(squares, model, [seen for _, seen in pictures])
    else:
        predictions = predict(squares, model)
    predicted = time.perf_counter()
    text, told = write_answer(predictions, kind, request.ids, explanations)
    seconds = (decoded - start, predicted - decoded, time.perf_counter() - predicted)
    known = predictions.known
    served = Served(
        status=200,
        seconds=dict(zip(STAGES, seconds, strict=True)),
        batch_sizes=predictions.batch_sizes,
        labels=predictions.labels,
        confidences=tuple(predictions.probabilities.max(axis=1).tolist()),
        unknown=None if known is None else known.count(False),
    )
    return Answer(200, text, told), served


def _warm_up(model: Model, folder: Path) -> None:
    picture = io.BytesIO()
    Image.new("RGB", _WARM_UP_SIZE, "gray").save(picture, "JPEG")
    try:
        _answer(model, picture.getvalue(), "image/jpeg", JSON_TYPE)
    except Exception as error:  # whatever a damaged network or description leads to
        raise ArtifactError(f"{folder} holds a model that cannot answer: {error}") from error
