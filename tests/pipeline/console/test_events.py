"""A page hears of every write to the state, and of the logs that it shows."""

import asyncio
from pathlib import Path

from pipeline.command_line.running import ROOT
from pipeline.console.context import Console
from pipeline.console.events import Looked, _changes, mark_of
from pipeline.local.store import Store
from tests.pipeline.console.console_support import add_run


def test_a_write_of_any_process_is_seen_and_a_look_is_none(store: Store) -> None:
    before = mark_of(store.root)
    store.list("PipelineExecution")
    assert mark_of(store.root) == before
    add_run(Store(store.root), "abc")
    assert mark_of(store.root) != before


def test_a_log_is_watched_for_the_page_that_shows_it(tmp_path: Path) -> None:
    logs = [tmp_path / place for place in ("runs/a1/Train", "runs/a1/Tune/x", "started/b2")]
    for folder in logs:
        folder.mkdir(parents=True)
        (folder / "log.txt").write_text("one\n")
    for folder, looked in zip(
        logs, [Looked(run="a1"), Looked(run="a1"), Looked(started="b2")], strict=True
    ):
        others, before = mark_of(tmp_path), mark_of(tmp_path, looked)
        with (folder / "log.txt").open("a") as log:
            log.write("two\n")
        assert mark_of(tmp_path, looked) != before
        assert mark_of(tmp_path) == others


def test_no_path_comes_from_an_address(tmp_path: Path) -> None:
    plain = mark_of(tmp_path)
    assert mark_of(tmp_path, Looked(run="../..", started="/etc")) == plain


def test_a_state_that_is_not_there_yet_can_be_watched(tmp_path: Path) -> None:
    assert mark_of(tmp_path / "none") == mark_of(tmp_path / "none")


def test_a_change_is_said_again_as_another_may_have_come_in_its_very_moment(tmp_path: Path) -> None:
    console, marks = Console(tmp_path, ROOT / "pipeline.yaml"), [1, 1, 2, 2, 2]

    def look() -> int:
        if len(marks) == 1:
            console.ending.set()
        return marks.pop(0)

    async def heard() -> list[bytes]:
        return [one async for one in _changes(console, look)]

    assert asyncio.run(heard()).count(b"event: changed\ndata:\n\n") == 2
