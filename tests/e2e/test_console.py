"""The console over a real run: its data, and what its endpoint says of its own pictures."""

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Finished
from tests.pipeline.console.console_support import Visitor
from tests.pipeline.console.pages.pages_support import send, words

pytestmark = pytest.mark.xdist_group("e2e")


def test_a_picture_of_the_data_is_recognised_by_the_endpoint(
    finished: Finished, tmp_path: Path
) -> None:
    state = finished.copied(tmp_path / "state").state
    visitor = Visitor(state.resolve())
    try:
        send(visitor, "/service/start")
        data = words(visitor.get(visitor.client.get("/data").headers["location"]))
        (info,) = {path.read_text() for path in state.rglob("dataset.json")}
        for name in json.loads(info)["classes"]:
            assert f"{name} 32 4 4 40" in data
        (name,) = {word for word in words(visitor.get("/endpoints")).split() if "staging" in word}
        picture = sorted(finished.data.glob("*/*"))[0]
        files = [(picture.name, picture.read_bytes()), ("no.jpg", b"\xff\xd8\xff but no picture")]
        page = words(send(visitor, f"/endpoints/{name}/ask", files))
        assert f"{picture.parent.name} " in page and "Refused (422): picture 0" in page
        numbers = words(visitor.get(f"/endpoints/{name}"))
        assert "2 answered" in numbers and "UnusableImage 1" in numbers
        assert "decode" in numbers and "Classes in its answers" in numbers
    finally:
        send(visitor, "/service/stop")
