"""Ask a run's endpoint about one test picture, and compare with what Evaluate computed."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.endpoint.invoker import asking
from pipeline.endpoint.predictions import predict
from pipeline.errors import PipelineError
from pipeline.run.arrival import Deployed, Place, await_arrival
from pipeline.sample.grey_picture import grey_picture
from pipeline.settings.serverless import MAXIMUM_BODY


class PredictionError(PipelineError):
    """The endpoint did not answer as Evaluate did."""


@dataclass(frozen=True)
class Question:
    """A picture, and what is known of it: `label` it has, `prediction` of Evaluate, `path` here.

    A picture that was made to ask about has neither: any answer will do.
    """

    deployed: Deployed
    file: str
    picture: bytes
    label: str | None = None
    prediction: str | None = None
    path: Path | None = None


@dataclass(frozen=True)
class Asked:
    """A picture, its label where it has one, and the endpoint's answer."""

    file: str
    label: str | None
    prediction: str
    probability: float

    def __str__(self) -> str:
        answer = f"{self.file}: {self.prediction} {self.probability:.1%}"
        return f"{answer} (it is {self.label})" if self.label is not None else answer


def deployed_in(answer: Mapping[str, str]) -> Deployed:
    """Return what a Deploy step's answer says was deployed."""
    return Deployed(answer["endpoint_name"], answer["endpoint_config_name"])


def find_question(data: Path, predictions: Path, deployed: Deployed) -> Question | None:
    """Choose the first test picture that still exists and is not too large for an endpoint.

    `data` is the folder that the run was given, `predictions` the predictions.jsonl of Evaluate.
    None when there is no such picture.
    """
    with predictions.open(encoding="utf-8") as lines:
        for expected in predicted(lines):
            path = data / expected["file"]
            if picture := _read(path):
                return question_of(deployed, expected, picture, path)
    return None


def predicted(lines: Iterable[str]) -> Iterable[Mapping[str, Any]]:
    """Read the lines of predictions.jsonl."""
    return (json.loads(line) for line in lines if line.strip())


def question_of(
    deployed: Deployed, expected: Mapping[str, Any], picture: bytes, path: Path | None = None
) -> Question:
    """Make the question about a test picture from its line in predictions.jsonl."""
    return Question(
        deployed, expected["file"], picture, expected["label"], expected["prediction"], path
    )


def made_question(deployed: Deployed) -> Question:
    """Make a question about a grey picture: only a model that loaded and computes can answer."""
    return Question(deployed, "a grey picture", grey_picture())


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.stat().st_size <= MAXIMUM_BODY else None
    except OSError:
        return None


def ask(question: Question, place: Place) -> Asked:
    """Send the picture to the endpoint when it is in service, through boto3 as a user would.

    Raises NotInServiceError, SupersededError, and PredictionError when the endpoint refuses the
    picture or answers something else than Evaluate computed.
    """
    endpoint, file = question.deployed.endpoint, question.file
    await_arrival(place, question.deployed)
    answer = place.call(
        f"asking the endpoint {endpoint}",
        lambda: predict(asking(place.runtime, endpoint), file, question.picture, top=1),
    )
    # Once more after the answer, so that it is known which model gave it.
    await_arrival(place, question.deployed)
    if answer.error:
        raise PredictionError(
            f"endpoint {endpoint} answers {file} with status {answer.status}: {answer.error}"
        )
    [(label, probability)] = answer.classes
    if question.prediction not in (None, label):
        raise PredictionError(
            f"endpoint {endpoint} answers {label} for {file}, and Evaluate computed "
            f"{question.prediction}: serving and evaluation differ"
        )
    return Asked(file, question.label, label, probability)
