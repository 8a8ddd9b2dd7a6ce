"""Several pictures a request, busy endpoints, and the one picture that cannot be used."""

import base64
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from inference_code.server.model_server.bodies import MAXIMUM_BODY
from pipeline.endpoint.batch import asking
from pipeline.endpoint.batch.asking import Asker, AskingEndedError, EndpointSilentError

Answer = tuple[int, bytes]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr(asking, "_LONGEST_PAUSE_S", 0.0)


@pytest.fixture
def names(tmp_path: Path) -> list[str]:
    """Seven pictures; what is in each is its own name."""
    for name in "abcdefg":
        (tmp_path / f"{name}.jpg").write_bytes(name.encode())
    return [str(tmp_path / f"{name}.jpg") for name in "abcdefg"]


def answered(pictures: list[bytes]) -> Answer:
    found = [{"probabilities": {one.decode(): 0.75, "other": 0.25}} for one in pictures]
    return 200, json.dumps({"predictions": found}).encode()


def in_body(body: bytes, kind: str) -> list[bytes]:
    if kind != "application/json":
        return [body]
    return [base64.b64decode(one["b64"]) for one in json.loads(body)["instances"]]


def refusing(bad: set[bytes], status: int = 422) -> Callable[[bytes, str], Answer]:
    def invoke(body: bytes, kind: str) -> Answer:
        pictures = in_body(body, kind)
        if bad & set(pictures):
            return status, b'{"error": {"code": "x", "message": "no"}}'
        return answered(pictures)

    return invoke


def labels(asker: Asker, names: list[str]) -> list[str]:
    return [one.error or one.classes[0][0] for one in asker.ask(names)]


def test_many_pictures_are_one_request(names: list[str]) -> None:
    sizes = []

    def invoke(body: bytes, kind: str) -> Answer:
        sizes.append(len(in_body(body, kind)))
        return answered(in_body(body, kind))

    assert labels(Asker(invoke, 5), names) == list("abcdefg")
    assert sizes == [7]


@pytest.mark.parametrize("status", [400, 413, 422, 500])
def test_one_bad_picture_does_not_cost_the_others_their_answer(
    names: list[str], status: int
) -> None:
    found = labels(Asker(refusing({b"c"}, status), 5), names)
    assert found == ["a", "b", "no", "d", "e", "f", "g"]


def test_a_model_of_single_pictures_is_asked_singly(names: list[str]) -> None:
    kinds: Counter[str] = Counter()

    def invoke(body: bytes, kind: str) -> Answer:
        kinds[kind] += 1
        return answered([body]) if kind != "application/json" else (415, b"")

    asker = Asker(invoke, 5)
    assert labels(asker, names) == labels(asker, names) == list("abcdefg")
    assert kinds == {"application/json": 1, "image/jpeg": 14}


def throttled(code: str, status: int) -> ClientError:
    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "InvokeEndpoint")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "busy",
    [
        (429, b""),
        (503, b""),
        throttled("ThrottlingException", 400),
        throttled("ServiceUnavailable", 503),
        throttled("InternalFailure", 500),
        EndpointConnectionError(endpoint_url="http://x"),
    ],
    ids=str,
)
def test_a_busy_endpoint_is_asked_again(names: list[str], busy: Answer | Exception) -> None:
    left = [busy] * 3

    def invoke(body: bytes, kind: str) -> Answer:
        if left:
            now = left.pop()
            if isinstance(now, Exception):
                raise now
            return now
        return answered(in_body(body, kind))

    assert labels(Asker(invoke, 5), names) == list("abcdefg")


def test_what_no_waiting_mends_is_raised(names: list[str]) -> None:
    def invoke(body: bytes, kind: str) -> Answer:
        raise throttled("AccessDeniedException", 403)

    with pytest.raises(ClientError):
        Asker(invoke, 5).ask(names)


def test_an_endpoint_that_answers_nothing_ends_the_command(names: list[str]) -> None:
    seconds = iter(range(0, 10_000, 40))
    asker = Asker(lambda body, kind: (429, b"full"), 5, clock=lambda: next(seconds))
    with pytest.raises(EndpointSilentError, match="full"):
        asker.ask(names)


def test_after_a_stop_nothing_waits(names: list[str]) -> None:
    asker = Asker(lambda body, kind: (429, b""), 5)
    asker.stop()
    with pytest.raises(AskingEndedError):
        asker.ask(names)


def test_files_that_cannot_be_sent_are_errors_of_their_own(
    names: list[str], tmp_path: Path
) -> None:
    large = tmp_path / "large.jpg"
    with large.open("wb") as file:
        file.truncate(MAXIMUM_BODY + 1)
    gone, pipe = str(tmp_path / "gone.jpg"), str(tmp_path / "pipe.jpg")
    os.mkfifo(pipe)  # reading it would wait for ever
    results = Asker(refusing(set()), 5).ask([names[0], str(large), gone, pipe, names[1]])
    assert [(one.file, one.status) for one in results] == [
        (names[0], 200),
        (str(large), 413),
        (gone, 0),
        (pipe, 0),
        (names[1], 200),
    ]
