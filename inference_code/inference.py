"""The endpoint, on AWS's contract: model_fn, input_fn, predict_fn, output_fn.

In: the bytes of one JPEG, PNG or WebP picture, or application/json with up to 64 of them:

    {"instances": [{"b64": "<base64 of a picture>"}, ...]}

Out, as application/json (the default): the classes once, in order, and for each picture its best
class and every probability, by name and as a plain list in the order of `classes`:

    {"classes": ["a", "b"],
     "predictions": [{"label": "b", "probability": 0.75,
                      "probabilities": {"a": 0.25, "b": 0.75},
                      "probability_list": [0.25, 0.75]}]}

or as text/csv: one row a picture, no header: label, its probability, then the probabilities in
the order of the classes. What cannot be used raises RequestError: 400 not readable, 406 no such
answer format, 413 too large, 415 no such input format, 422 readable but not usable. Nothing is
ever fetched, and nothing is ever unpickled.
"""

import base64
import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt
import torch

from artifact import ModelDescription, read_model
from network import Classifier, best_device, use_available_cores
from preprocessing import UnusableImage, decode_image, normalise, to_square

if TYPE_CHECKING:
    ToolkitError = Exception
else:
    try:  # the model server answers its own errors with their status, all others with 500
        from sagemaker_inference.errors import BaseInferenceToolkitError as ToolkitError
    except ImportError:
        ToolkitError = Exception

Square = npt.NDArray[np.uint8]

PICTURE_TYPES = ("image/jpeg", "image/png", "image/webp")
JSON_TYPE = "application/json"
CSV_TYPE = "text/csv"
MAX_BODY_BYTES = 6_291_456  # SageMaker's own limit
MAX_PICTURES = 64
MAX_REQUEST_PIXELS = 100_000_000
BATCH_SIZE = 16
DECIMALS = 8


class RequestError(ToolkitError):
    """The request cannot be answered: a 4xx status, a code for programs, a message for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        phrase = HTTPStatus(status).phrase
        super().__init__(status, message, phrase)
        self.status = self.status_code = status
        self.code = code
        self.message = message
        self.phrase = phrase

    def __str__(self) -> str:
        return self.message

    def body(self) -> str:
        """The answer to send: `{"error": {"code": ..., "message": ...}}`."""
        return json.dumps({"error": {"code": self.code, "message": self.message}})


@dataclass(frozen=True)
class Model:
    """A loaded model: the network in eval mode on `device`, and its description."""

    network: Classifier
    description: ModelDescription
    device: torch.device


@dataclass(frozen=True)
class Predictions:
    """Probabilities, float32 (pictures, classes), and the names of the classes in order."""

    classes: tuple[str, ...]
    probabilities: npt.NDArray[np.float32]


def model_fn(model_dir: str) -> Model:
    """Loads the artifact extracted at `model_dir`; raises ArtifactError when it is damaged."""
    use_available_cores()
    torch.backends.cudnn.allow_tf32 = False  # a GPU must answer as the CPU evaluated
    network, description = read_model(Path(model_dir))
    device = best_device()
    placed = network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Model(placed, description, device)


def input_fn(body: bytes | bytearray | str, content_type: str | None) -> list[bytes]:
    """The pictures of one request as they were sent, not decoded yet; raises RequestError.

    Parameters of the content type (`; charset=utf-8`) are accepted and ignored.
    """
    size = len(body)
    if size > MAX_BODY_BYTES:
        _refuse(413, "BodyTooLarge", f"{size:,} bytes; at most {MAX_BODY_BYTES:,} are read")
    kind = (content_type or "").split(";")[0].strip().lower()
    if kind == JSON_TYPE:
        return _json_pictures(body)
    if kind not in PICTURE_TYPES:
        known = ", ".join((*PICTURE_TYPES, JSON_TYPE))
        given = f"{kind[:100]!r} is not supported" if kind else "missing"
        _refuse(415, "UnsupportedContentType", f"Content-Type {given}; send one of {known}")
    if isinstance(body, str) or not body:
        _refuse(400, "NoPicture", "the body must be the bytes of one picture")
    return [bytes(body)]


def predict_fn(pictures: Sequence[bytes | Square], model: Model) -> Predictions:
    """Probabilities for pictures as input_fn returns them, or for squares as Prepare stores them.

    A square is uint8 (3, resize, resize); both kinds go through the same preprocessing and
    network. Raises RequestError (422, 413) for what is no usable picture.
    """
    description = model.description
    squares = _squares(pictures, description.preprocessing.resize)
    parts = []
    for start in range(0, len(squares), BATCH_SIZE):
        batch = torch.from_numpy(np.stack(squares[start : start + BATCH_SIZE])).to(model.device)
        with torch.inference_mode():
            values = normalise(batch, description.preprocessing)
            logits = model.network(values.contiguous(memory_format=torch.channels_last))
            parts.append(torch.softmax(logits.float(), dim=1).cpu().numpy())
    return Predictions(description.classes, np.concatenate(parts))


def output_fn(predictions: Predictions, accept: str | None) -> tuple[str, str]:
    """The answer and its content type; raises RequestError (406) when `accept` allows neither."""
    kind = _answer_type(accept or "")
    if kind == CSV_TYPE:
        return _to_csv(predictions), f"{CSV_TYPE}; charset=utf-8"
    return _to_json(predictions), JSON_TYPE


def _refuse(status: int, code: str, message: str) -> NoReturn:
    raise RequestError(status, code, message)


def _json_pictures(body: bytes | bytearray | str) -> list[bytes]:
    try:
        text = body if isinstance(body, str) else bytes(body).decode("utf-8")
        request = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise RequestError(400, "InvalidJson", f"the body is not valid JSON: {reason}") from None
    instances = request.get("instances") if isinstance(request, dict) else None
    if not isinstance(instances, list) or not instances:
        _refuse(422, "NoInstances", 'send {"instances": [{"b64": "..."}, ...]}')
    if len(instances) > MAX_PICTURES:
        _refuse(413, "TooManyPictures", f"{len(instances)} pictures; at most {MAX_PICTURES} fit")
    return [_instance_bytes(instance, place) for place, instance in enumerate(instances)]


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _instance_bytes(instance: Any, place: int) -> bytes:
    if not isinstance(instance, dict) or set(instance) != {"b64"}:
        _refuse(422, "InvalidInstance", f'instances[{place}] must be {{"b64": "..."}} and no more')
    if not isinstance(instance["b64"], str):
        _refuse(422, "InvalidInstance", f"instances[{place}].b64 must be a string")
    try:
        data = base64.b64decode("".join(instance["b64"].split()), validate=True)
    except ValueError:
        raise RequestError(
            400, "InvalidBase64", f"instances[{place}].b64 is not valid base64"
        ) from None
    if not data:
        _refuse(422, "UnusableImage", f"picture {place} cannot be used: it is empty")
    return data


def _squares(pictures: Sequence[bytes | Square], resize: int) -> list[Square]:
    if len(pictures) == 0:
        _refuse(422, "NoInstances", "there is no picture to classify")
    squares: list[Square] = []
    pixels = 0
    for place, picture in enumerate(pictures):
        if isinstance(picture, np.ndarray):
            squares.append(picture)
            continue
        try:
            image = decode_image(bytes(picture))
        except UnusableImage as error:
            raise RequestError(
                422, "UnusableImage", f"picture {place} cannot be used: {error}"
            ) from None
        pixels += image.width * image.height
        if pixels > MAX_REQUEST_PIXELS:
            _refuse(413, "TooManyPixels", f"more than {MAX_REQUEST_PIXELS:,} pixels in one request")
        squares.append(to_square(image, resize))
    return squares


def _answer_type(accept: str) -> str:
    """The answer format that an Accept header prefers; JSON when it leaves the choice to us."""
    ranked: list[tuple[float, str]] = []
    for item in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in item.split(";"))
        ranked.append((_quality(parameters), kind or "*/*"))
    for quality, kind in sorted(ranked, key=lambda pair: -pair[0]):
        for ours in (JSON_TYPE, CSV_TYPE):
            if quality > 0 and kind in (ours, f"{ours.split('/')[0]}/*", "*/*"):
                return ours
    _refuse(406, "NotAcceptable", f"Accept can be {JSON_TYPE}, {CSV_TYPE} or */*")


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _to_json(predictions: Predictions) -> str:
    rows = []
    for probabilities in predictions.probabilities:
        values = [round(float(value), DECIMALS) for value in probabilities]
        best = int(np.argmax(probabilities))
        rows.append(
            {
                "label": predictions.classes[best],
                "probability": values[best],
                "probabilities": dict(zip(predictions.classes, values, strict=True)),
                "probability_list": values,
            }
        )
    answer = {"classes": list(predictions.classes), "predictions": rows}
    return json.dumps(answer, allow_nan=False)


def _to_csv(predictions: Predictions) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for probabilities in predictions.probabilities:
        values = [round(float(value), DECIMALS) for value in probabilities]
        best = int(np.argmax(probabilities))
        writer.writerow([predictions.classes[best], values[best], *values])
    return text.getvalue()
