"""A run is started as the command line does, by a process that outlives the console."""

import time
from pathlib import Path

import pytest

from pipeline.console.starting import read_started, start_run, started_of
from pipeline.errors import UsageError
from pipeline.local.engine.recovery import lock_held
from pipeline.local.store import Store
from tests.pipeline.console.console_support import HOSTILE, Visitor, add_run


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The arguments of what would have been started."""
    found: list[list[str]] = []

    def start(_state: Path, words: list[str]) -> str:
        found.append(words)
        return "t0"

    monkeypatch.setattr("pipeline.console.pages.start.start_run", start)
    return found


def test_the_form_has_a_label_and_a_meaning_for_every_setting(visitor: Visitor) -> None:
    text = visitor.get("/start")
    names = [part.partition('"')[0] for part in text.split('name="set.')[1:]]
    assert "training.epochs" in names and len(names) > 40
    for name in names:
        assert f'<label for="{name}">' in text and f'id="{name}-help"' in text


def test_what_was_changed_is_given_to_the_run(visitor: Visitor, asked: list[list[str]]) -> None:
    fields = {"set.training.epochs": "3", "set.project": "birds", "data": "/my pictures"}
    answer = visitor.post("/start", fields)
    assert (answer.status_code, answer.headers["location"]) == (303, "/started/t0")
    (words,) = asked
    assert {"--local", "--data=/my pictures", "--set=training.epochs=3"} <= set(words)
    assert f"--state={visitor.console.state}" in words
    assert sum(word.startswith("--set=") for word in words) == 2


def test_a_value_is_never_an_option(visitor: Visitor, asked: list[list[str]]) -> None:
    visitor.post("/start", {"set.project": "x", "data": "--upsert"})
    assert "--data=--upsert" in asked[0]


def test_a_wrong_setting_is_said_beside_what_was_typed(
    visitor: Visitor, asked: list[list[str]]
) -> None:
    answer = visitor.post("/start", {"set.training.epochs": "-3", "set.project": HOSTILE})
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text and "training.epochs: must be" in answer.text
    assert 'value="-3"' in answer.text
    assert "<img" not in answer.text
    assert not asked


def test_a_start_has_a_log_and_says_when_it_ended(visitor: Visitor) -> None:
    token = start_run(visitor.console.state, ["--local", "--set=no.such=1"])
    deadline = time.monotonic() + 60
    while read_started(visitor.console.state, token).alive and time.monotonic() < deadline:
        time.sleep(0.05)
    text = visitor.get(f"/started/{token}")
    assert "It ended before a run began" in text
    assert "no: unknown key" in text
    assert "python -m pipeline.run --local --set=no.such=1" in text


def test_the_run_of_a_start_is_found_by_its_process(visitor: Visitor, store: Store) -> None:
    token = start_run(store.root, ["--help"])
    started = read_started(store.root, token)
    folder = store.root / "runs" / "abc"
    folder.mkdir(parents=True)
    (folder / "lock").write_text(str(started.pid))
    assert read_started(store.root, token).run == "abc"
    assert "data-go" not in visitor.get(f"/started/{token}")  # nobody could be shown it yet
    add_run(store, "abc")
    assert 'data-go="/runs/abc"' in visitor.get(f"/started/{token}")
    found = started_of(store.root, "abc")
    assert found is not None and found.token == token
    with lock_held(store.root / "runs" / "other"):
        add_run(store, "other")
        assert started_of(store.root, "other") is None


@pytest.mark.parametrize("token", ["x", "%2e%2e%2fruns", "a" * 300])
def test_a_start_that_is_not_there_is_said(visitor: Visitor, store: Store, token: str) -> None:
    visitor.get(f"/started/{token}", 404)


def test_only_so_many_starts_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.console.starting._KEPT", 2)
    for number in range(4):
        folder = tmp_path / "started" / f"a{number}"
        folder.mkdir(parents=True)
        (folder / "started.json").write_text('{"command": "", "began": 0, "pid": 1}')
    token = start_run(tmp_path, ["--help"])
    assert len(list((tmp_path / "started").iterdir())) == 3
    assert read_started(tmp_path, token)
    with pytest.raises(UsageError):
        read_started(tmp_path, "a0")
