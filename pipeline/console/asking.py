"""Ask an endpoint about the pictures that a page sends, and measure it a little."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from pipeline.console.forms import GivenFile
from pipeline.endpoint.bench import Level, measure
from pipeline.endpoint.predictions import Invoke, Prediction, content_type, predict
from pipeline.sample.grey_picture import MIME_TYPE, grey_picture

MOST_PICTURES = 32
MOST_BYTES = 32 * 1024**2
BENCH_LEVELS = (1, 8)
BENCH_SECONDS = 2.0
_TOP = 5
_LONGEST_NAME = 120
_FAULT = 500
_ITS_OWN = (413, 429)  # refused for itself: another picture may fare better

Opener = Callable[[int | None], AbstractContextManager[tuple[str, Invoke]]]
"""Opens a way to ask an endpoint for so many threads; None: for one."""


@dataclass(frozen=True)
class Answer:
    """What an endpoint said of one picture, and in how many milliseconds; None: it failed."""

    prediction: Prediction
    size: int
    took: float | None = None


def ask_about(
    opener: Opener, pictures: Sequence[GivenFile], *, explain: bool = False
) -> list[Answer]:
    """Ask about each picture in turn: so the time of each is its own.

    With `explain` the answers say why. Where the endpoint itself fails, the rest is not asked.
    """
    answers: list[Answer] = []
    failed = ""
    with opener(None) as (_name, invoke):
        for picture in pictures:
            answer = _unasked(picture, failed) if failed else _ask(invoke, picture, explain)
            answers.append(answer)
            if answer.took is None and not failed:
                failed = answer.prediction.error
    return answers


def bench_with(opener: Opener, pictures: Sequence[GivenFile]) -> list[Level]:
    """Measure the endpoint for a few seconds with these pictures, or with a grey one."""
    own = [(one.content, content_type(one.name, one.content)) for one in pictures]
    with opener(max(BENCH_LEVELS)) as (_name, invoke):
        sent = own or [(grey_picture(), MIME_TYPE)]
        return measure(invoke, sent, BENCH_LEVELS, BENCH_SECONDS)


def shown_name(name: str) -> str:
    """Return the last part of a file's name in one line: some browsers tell the folders, too."""
    last = name.replace("\\", "/").rpartition("/")[2] or "picture"
    return "".join(letter if letter.isprintable() else "·" for letter in last)[:_LONGEST_NAME]


def _ask(invoke: Invoke, picture: GivenFile, explain: bool) -> Answer:
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError

    name, start = shown_name(picture.name), time.perf_counter()
    try:
        prediction = predict(invoke, name, picture.content, _TOP, explain=explain)
        is_well = prediction.status < _FAULT
    except ClientError as error:
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        words = str(error.response.get("Error", {}).get("Message") or error)
        prediction, is_well = Prediction(name, error=words, status=status), status in _ITS_OWN
    except (BotoCoreError, HTTPError) as error:
        prediction, is_well = Prediction(name, error=f"no answer: {error}", status=0), False
    took = 1000 * (time.perf_counter() - start)
    return Answer(prediction, len(picture.content), took if is_well else None)


def _unasked(picture: GivenFile, why: str) -> Answer:
    refusal = Prediction(shown_name(picture.name), error=f"not asked: {why}", status=0)
    return Answer(refusal, len(picture.content))
