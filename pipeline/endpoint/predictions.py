"""Ask an endpoint what is on pictures."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference_code.picture_formats import format_named, format_of
from pipeline.errors import UsageError

# Returns the status and body of one invocation, given a picture's bytes and content type.
Invoke = Callable[[bytes, str], tuple[int, bytes]]


@dataclass(frozen=True)
class Prediction:
    """An endpoint's answer for one file: classes with probabilities, best first, or a refusal."""

    file: str
    classes: tuple[tuple[str, float], ...] = ()
    error: str = ""
    status: int = 200

    def to_dict(self) -> dict[str, Any]:
        """Return the prediction as a dictionary for --json."""
        if self.error:
            return {"file": self.file, "error": {"status": self.status, "message": self.error}}
        top = [{"label": label, "probability": value} for label, value in self.classes]
        return {"file": self.file, **top[0], "top": top}


def read_pictures(files: Sequence[str]) -> dict[str, bytes]:
    """Read the bytes of every file, by its name as given.

    Raises UsageError before anything is asked.
    """
    pictures = {}
    for file in files:
        path = Path(file)
        if path.is_dir():
            raise UsageError(f"{file} is a folder: name the pictures in it, as in {file}/*.jpg")
        try:
            pictures[file] = path.read_bytes()
        except FileNotFoundError as error:
            raise UsageError(f"there is no file {file}") from error
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    return pictures


def predict(invoke: Invoke, file: str, picture: bytes, top: int) -> Prediction:
    """Return the `top` most probable classes of a picture, or why the endpoint refuses it."""
    status, body = invoke(picture, content_type(file, picture))
    if status != 200:
        return Prediction(file, error=_reason(body), status=status)
    try:
        probabilities = json.loads(body)["predictions"][0]["probabilities"]
        named = [(str(label), float(value)) for label, value in probabilities.items()]
        best, *others = sorted(named, key=lambda item: -item[1])
        return Prediction(file, (best, *others[: top - 1]))
    except (ValueError, LookupError, TypeError, AttributeError):
        message = "the answer holds no predictions[0].probabilities: see inference.py's output_fn"
        return Prediction(file, error=message, status=status)


def content_type(file: str, data: bytes) -> str:
    """Tell a picture's content type by its first bytes, else by its name.

    What looks like no picture is for the endpoint to refuse.
    """
    found = format_of(data) or format_named(Path(file))
    return found.mime_type if found else "application/octet-stream"


def _reason(body: bytes) -> str:
    """Return the message in an error answer, or as much of the answer as fits a line."""
    text = body.decode(errors="replace")
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return text[:300] or "no reason given"
