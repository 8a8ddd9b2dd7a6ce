"""Read what two models answered on the same test pictures, and where only one was right."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.errors import PipelineError

Read = Callable[[str], bytes]


@dataclass(frozen=True)
class Answer:
    """A model's answer on a test picture; `probability`: its own of it, None if not kept."""

    label: str
    prediction: str
    probability: float | None

    @property
    def is_right(self) -> bool:
        """Whether the picture was recognised."""
        return self.prediction == self.label


@dataclass(frozen=True)
class Disagreement:
    """A test picture that only one of two models recognised."""

    file: str
    first: Answer
    second: Answer

    @property
    def surest(self) -> float:
        """How sure the model was that is wrong; 0.0 where that was not kept."""
        wrong = self.second if self.first.is_right else self.first
        return wrong.probability or 0.0


@dataclass(frozen=True)
class PairedAnswers:
    """The answers of two models on the same pictures, by file."""

    first: Mapping[str, Answer]
    second: Mapping[str, Answer]

    @property
    def pictures(self) -> int:
        """The number of pictures."""
        return len(self.first)

    @property
    def only_first(self) -> tuple[Disagreement, ...]:
        """The pictures that only the first recognised, the second's surest mistakes first."""
        return self._right(True, False)

    @property
    def only_second(self) -> tuple[Disagreement, ...]:
        """The pictures that only the second recognised, the first's surest mistakes first."""
        return self._right(False, True)

    def _right(self, first: bool, second: bool) -> tuple[Disagreement, ...]:
        found = [
            Disagreement(file, one, self.second[file])
            for file, one in self.first.items()
            if (one.is_right, self.second[file].is_right) == (first, second)
        ]
        return tuple(sorted(found, key=lambda one: (-one.surest, one.file)))


class NotPairedError(Exception):
    """Models not known to be tested on the same pictures; the message says why."""


def pair_answers(first: Mapping[str, Answer], second: Mapping[str, Answer]) -> PairedAnswers:
    """Put the answers of two models together. Raises NotPairedError for other pictures."""
    if _labels(first) != _labels(second):
        raise NotPairedError("their predictions.jsonl are about different files")
    return PairedAnswers(first, second)


def read_answers(read: Read, evaluation: str, name: str) -> dict[str, Answer]:
    """Read a model's answer on every test picture, by its file, beside its evaluation.json.

    `name` names the model. Raises NotPairedError for answers that are gone or cannot be read.
    """
    from botocore.exceptions import ClientError

    uri = f"{evaluation.rpartition('/')[0]}/predictions.jsonl"
    try:
        rows: list[Any] = [json.loads(line) for line in read(uri).decode().splitlines()]
        answers = {str(row["file"]): _answer(row) for row in rows}
    except (OSError, ValueError, LookupError, TypeError, ClientError, PipelineError) as error:
        raise NotPairedError(f"{name} has no readable {uri}") from error
    if len(answers) != len(rows) or not rows:
        raise NotPairedError(f"{uri} does not name every picture once")
    return answers


def _labels(answers: Mapping[str, Answer]) -> dict[str, str]:
    return {file: answer.label for file, answer in answers.items()}


def _answer(row: Mapping[str, Any]) -> Answer:
    chances = row.get("probabilities")
    probability = float(max(chances)) if isinstance(chances, list) and chances else None
    return Answer(str(row["label"]), str(row["prediction"]), probability)
