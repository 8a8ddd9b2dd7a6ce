"""What was staged once is used as long as it is what was staged."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.local.staging import is_staged, stage_file, stage_large_file
from pipeline.local.store import Store

URI = "s3://bucket/weights/1/weights.pth"


def test_a_file_is_staged_once(store: Store) -> None:
    assert not is_staged(store, URI)
    stage_file(store, URI, b"weights")
    before = store.path(URI).stat()
    for _ in range(2):
        assert is_staged(store, URI)
        stage_file(store, URI, b"weights")
    assert store.path(URI).stat().st_mtime_ns == before.st_mtime_ns


def test_one_that_was_only_copied_is_as_good(store: Store) -> None:
    stage_file(store, URI, b"weights")
    assert is_staged(store, URI)
    path = store.path(URI)
    path.rename(path.with_name("old"))
    path.write_bytes(path.with_name("old").read_bytes())
    assert is_staged(store, URI)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"weight"),
        lambda path: path.write_bytes(b"Weights"),
        lambda path: path.unlink(),
    ],
    ids=["empty", "cut", "changed", "gone"],
)
def test_a_damaged_one_is_staged_again(store: Store, damage: Callable[[Path], object]) -> None:
    stage_large_file(store, URI, b"weights")
    before = store.path(URI).stat()
    damage(store.path(URI))
    if store.path(URI).exists():
        os.utime(store.path(URI), ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not is_staged(store, URI)
    stage_file(store, URI, b"weights")
    assert is_staged(store, URI)
    assert store.path(URI).read_bytes() == b"weights"


@pytest.mark.parametrize("document", [{}, {"Files": 1}, {"Files": {".": 1}}, {"Files": {".": []}}])
def test_an_odd_note_of_it_is_made_anew(store: Store, document: dict[str, object]) -> None:
    stage_file(store, URI, b"weights")
    store.put("StagedFile", URI, document)
    assert is_staged(store, URI)
