"""Local state survives restarts, concurrent use and hostile names."""

import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.addresses import AddressError
from pipeline.local.store import Store, StoreError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state")


def test_a_document_survives_a_restart_with_its_times(store: Store) -> None:
    made = datetime(2026, 11, 21, 3, 15, tzinfo=timezone(timedelta(hours=2)))
    document = {"ModelName": "a", "CreationTime": made, "Tags": {"$time": "noon", "zone": "here"}}
    store.put("Model", "a", document, arn="arn:a")
    store.close()
    again = Store(store.root)
    assert again.get("Model", "a") == document
    assert again.get_by_arn("Model", "arn:a") == document
    assert again.get_by_arn("Endpoint", "arn:a") is None
    assert store.get("Model", "a") == document


def test_documents_list_in_the_order_they_were_made_even_when_replaced(store: Store) -> None:
    for name in ("b", "c", "a"):
        store.put("Model", name, {"n": name})
    store.put("Model", "b", {"n": "b", "changed": True}, arn="arn:new")
    assert [body["n"] for body in store.list("Model")] == ["b", "c", "a"]
    assert store.get_by_arn("Model", "arn:new") == {"n": "b", "changed": True}


def test_documents_come_in_pages_newest_first_and_by_how_their_names_begin(store: Store) -> None:
    for name in ("r1/b", "r10/a", "r1/a", "r2/a"):
        store.put("Step", name, {"n": name})
    store.put("Model", "r1/z", {"n": "z"})
    store.put("Step", "r1/b", {"n": "r1/b", "changed": True})
    assert store.count("Step") == 4
    assert [body["n"] for body in store.newest("Step", 3)] == ["r2/a", "r1/a", "r10/a"]
    assert [body["n"] for body in store.newest("Step", 3, skip=3)] == ["r1/b"]
    assert [body["n"] for body in store.named("Step", "r1/")] == ["r1/b", "r1/a"]
    assert store.newest("Endpoint", 3) == []


def test_kinds_do_not_mix_and_delete_says_whether_there_was_one(store: Store) -> None:
    store.put("Model", "a", {})
    store.put("Pipeline", "a", {})
    assert store.get("Endpoint", "a") is None
    assert store.get("Model", "_") is None
    assert store.delete("Model", "a")
    assert not store.delete("Model", "a")
    assert store.get("Pipeline", "a") == {}


def test_a_failing_transaction_leaves_nothing_behind(store: Store) -> None:
    with pytest.raises(TypeError, match="cannot store object"), store.transaction():
        store.put("Model", "half", {})
        store.put("Model", "other half", {"member": object()})
    assert store.get("Model", "half") is None


def test_a_transaction_holds_the_write_lock_from_its_beginning(store: Store) -> None:
    reader = sqlite3.connect(store.root / "state.db", timeout=0)
    with ThreadPoolExecutor() as pool, store.transaction(), closing(reader) as other:
        assert other.execute("SELECT COUNT(*) FROM documents").fetchone() == (0,)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        late = pool.submit(store.put, "Model", "a", {})  # which waits, and is not refused
        wait([late], timeout=0.2)
    assert late.result() is None


def test_a_full_disk_is_one_clear_error_and_loses_nothing_that_was_there(store: Store) -> None:
    store.put("Model", "a", {})
    with store.transaction() as connection:
        pass
    connection.execute("PRAGMA max_page_count = 1")  # no more than it has
    message = f"cannot write {store.root}/state.db: database or disk is full"
    with pytest.raises(StoreError, match=message), store.transaction():
        store.put("Model", "half", {})
        store.put("Model", "large", {"text": "x" * 100_000})
    connection.execute("PRAGMA max_page_count = 1000000")
    store.put("Model", "b", {"n": 1})
    assert store.list("Model") == [{}, {"n": 1}]


@pytest.mark.parametrize(
    ("use", "verb"),
    [
        (lambda store: store.get("Model", "a"), "read"),
        (lambda store: store.get_by_arn("Model", "arn:a"), "read"),
        (lambda store: store.list("Model"), "read"),
        (lambda store: store.put("Model", "a", {}), "write"),
        (lambda store: store.delete("Model", "a"), "write"),
        (lambda store: Store(store.root), "use"),
    ],
)
def test_a_file_that_is_no_database_any_more_is_one_clear_error(
    store: Store, use: Callable[[Store], object], verb: str
) -> None:
    store.close()
    (store.root / "state.db").write_bytes(b"a disk that lost it" * 100)
    with pytest.raises(StoreError, match=f"cannot {verb} {store.root}.*: file is not a database"):
        use(store)


def test_many_threads_write_without_losing_a_document(store: Store) -> None:
    def write(worker: int) -> None:
        for number in range(20):
            store.put("Model", f"{worker}-{number}", {})

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.list("Model")) == 80


def test_s3_addresses_are_folders_and_file_addresses_are_themselves(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store.root)
    for one in (store, Store(Path())):
        assert one.path("s3://bucket/a/b") == store.root / "s3" / "bucket" / "a" / "b"
    assert store.path("file:///data/my%20dogs") == Path("/data/my dogs")


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("/data", "write s3://bucket/key or file:///path"),
        ("https://x/y", "write s3://bucket/key or file:///path"),
        ("s3://", "write s3://bucket/key"),
        ("s3://bucket/../../etc", "outside its bucket: remove '..'"),
        ("s3://bucket/a/..", "outside its bucket: remove '..'"),
        ("s3://../state.db", r"no bucket is called '\.\.'"),
        ("s3://./b/key", r"no bucket is called '\.'"),
        ("s3://[b/key", r"no bucket is called '\[b'"),
        ("s3://bucket/a\0b", "no file can have this name"),
        ("s3://bucket/\ud800", "no file can have this name"),
        ("file:///a%00b", "no file can have this name"),
        ("file://home/me", "a file is written file:///home/me"),
    ],
)
def test_an_address_that_is_none_or_leaves_its_bucket_is_refused(
    store: Store, uri: str, message: str
) -> None:
    with pytest.raises(AddressError, match=message):
        store.path(uri)


def test_every_key_is_in_its_bucket_or_refused(store: Store) -> None:
    pieces = st.sampled_from(["..", ".", "/", "%2e%2e", "%2F", "#", "?", "\0", "\\", "a", "[", "~"])

    @given(st.lists(pieces | st.text(max_size=3), max_size=8).map("".join))
    def check(text: str) -> None:
        try:
            path = store.path(f"s3://{text}")
        except AddressError:
            return
        inside = Path(os.path.normpath(path)).relative_to(store.root / "s3")
        assert inside.parts[0] == text.partition("/")[0]
        path.exists()  # which a name that no file can have would fail on

    check()


@pytest.mark.parametrize("link", ["s3", "s3/bucket", "s3/bucket/dogs"])
def test_what_is_linked_to_a_larger_disk_is_found_there(
    store: Store, tmp_path: Path, link: str
) -> None:
    elsewhere = tmp_path / "disk"
    (elsewhere / Path("s3/bucket/dogs").relative_to(link)).mkdir(parents=True)
    place = store.root / link
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(elsewhere)
    path = store.path("s3://bucket/dogs/1.jpg")
    path.write_bytes(b"dog")
    assert next(elsewhere.rglob("1.jpg")).read_bytes() == b"dog"


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot use"):
        Store(tmp_path / "file" / "state")
