"""Ask an endpoint what is on pictures."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from inference_code.picture_formats import format_named, format_of
from pipeline.errors import UsageError
from pipeline.explanations import Explanation, LooksLike, read_explanation
from pipeline.given import read_given

_JSON_TYPE = "application/json"
_NOT_EXPLAINED = (
    "it answered without saying why: its model was made by an older version, or its code is your "
    "own; train the model again"
)
_NOT_EXPLAINABLE = 422  # as an endpoint of ours says that it cannot
_LARGEST = 64 * 1024**2  # bytes: no endpoint takes a tenth of it
# Returns the status and body of one invocation, given a picture's bytes and content type.
Invoke = Callable[[bytes, str], tuple[int, bytes]]


@dataclass(frozen=True)
class RankedClass:
    """A class and its probability."""

    label: str
    probability: float


@dataclass(frozen=True)
class Answered:
    """An endpoint's answer for one file, for programs: the best class, and the `top` ones.

    `known`: whether the picture shows one of the classes: not when its `score` is above the
    `threshold`, and then it is `nearest` to these; None where the model cannot tell. `looks_like`:
    training pictures, nearest first; None where no explanation was asked for.
    """

    file: str
    label: str
    probability: float
    known: bool | None
    score: float | None
    threshold: float | None
    nearest: tuple[str, ...]
    top: tuple[RankedClass, ...]
    looks_like: tuple[LooksLike, ...] | None


@dataclass(frozen=True)
class Refusal:
    """Why an endpoint refused a file: the HTTP status, and its words."""

    status: int
    message: str


@dataclass(frozen=True)
class NotAnswered:
    """A file that an endpoint refused, for programs."""

    file: str
    error: Refusal


@dataclass(frozen=True)
class Prediction:
    """An endpoint's answer for one file: classes with probabilities, best first, or a refusal.

    `known`: whether the picture shows one of the classes, the `score` that says so, and the
    `threshold` above which it shows none; None where the model cannot tell. `nearest` then has the
    classes that it is nearest to.
    """

    file: str
    classes: tuple[tuple[str, float], ...] = ()
    error: str = ""
    status: int = 200
    known: bool | None = None
    score: float | None = None
    threshold: float | None = None
    nearest: tuple[str, ...] = ()
    explanation: Explanation | None = None

    def reported(self) -> Answered | NotAnswered:
        """Return the prediction as it is reported to programs."""
        if self.error:
            return NotAnswered(self.file, Refusal(self.status, self.error))
        top = tuple(RankedClass(*one) for one in self.classes)
        alike = self.explanation.looks_like if self.explanation else None
        told = (self.known, self.score, self.threshold, self.nearest)
        return Answered(self.file, top[0].label, top[0].probability, *told, top, alike)


def read_pictures(files: Sequence[str]) -> dict[str, bytes]:
    """Read the bytes of every file, by its name as given.

    Raises UsageError before anything is asked.
    """
    pictures = {}
    for file in files:
        path = Path(file)
        if path.is_dir():
            raise UsageError(
                f"{file} is a folder: add --csv answers.csv for all that is below it, or name "
                f"pictures in it, as in {file}/*.jpg"
            )
        try:
            pictures[file] = read_given(path, _LARGEST)
        except FileNotFoundError as error:
            raise UsageError(f"there is no file {file}") from error
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    return pictures


def predict(
    invoke: Invoke, file: str, picture: bytes, top: int, *, explain: bool = False
) -> Prediction:
    """Return the `top` most probable classes of a picture, or why the endpoint refuses it.

    With `explain`, an answer that does not say why counts as a refusal.
    """
    asked = (_why(picture), _JSON_TYPE) if explain else (picture, content_type(file, picture))
    status, body = invoke(*asked)
    if status != 200:
        return Prediction(file, error=reason_in(body), status=status)
    results = read_answer(body, [file], top)
    if not results:
        return no_predictions(file)
    if explain and results[0].explanation is None:
        return Prediction(file, error=_NOT_EXPLAINED, status=_NOT_EXPLAINABLE)
    return results[0]


def _why(picture: bytes) -> bytes:
    """Return the request, in JSON, that asks about a picture and why."""
    instance = {"b64": base64.b64encode(picture).decode()}
    return json.dumps({"instances": [instance], "explain": True}).encode()


def read_answer(body: bytes, files: Sequence[str], top: int) -> list[Prediction] | None:
    """Read the `top` most probable classes of each file; None for an answer without them."""
    try:
        predictions = json.loads(body)["predictions"]
        found = [_best(file, one, top) for file, one in zip(files, predictions, strict=True)]
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    return found


def no_predictions(file: str) -> Prediction:
    """Return the refusal of an answer that holds no predictions."""
    message = "the answer holds no predictions[0].probabilities: see inference.py's output_fn"
    return Prediction(file, error=message)


def _best(file: str, prediction: Any, top: int) -> Prediction:
    probabilities = prediction["probabilities"]
    named = [(str(label), float(value)) for label, value in probabilities.items()]
    best, *others = sorted(named, key=lambda item: -item[1])
    why = prediction.get("explanation")
    explanation = None if why is None else read_explanation(why)
    result = Prediction(file, (best, *others[: top - 1]), explanation=explanation)
    return result if prediction.get("known") is None else _told(result, prediction)


def _told(result: Prediction, prediction: Any) -> Prediction:
    """Add what the model tells of whether it knows what a picture shows."""
    return replace(
        result,
        known=bool(prediction["known"]),
        score=_number(prediction.get("score")),
        threshold=_number(prediction.get("threshold")),
        nearest=tuple(str(label) for label in prediction.get("nearest") or ()),
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def content_type(file: str, data: bytes) -> str:
    """Tell a picture's content type by its first bytes, else by its name.

    What looks like no picture is for the endpoint to refuse.
    """
    found = format_of(data) or format_named(Path(file))
    return found.mime_type if found else "application/octet-stream"


def reason_in(body: bytes) -> str:
    """Return the message in an error answer, or as much of the answer as fits a line."""
    text = body.decode(errors="replace")
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return text[:300] or "no reason given"
