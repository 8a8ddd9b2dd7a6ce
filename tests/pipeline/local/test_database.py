"""The state file opens in today's schema, also to read only; what is wrong with it is one line."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.local import database
from pipeline.local.database import FILE, VERSION
from pipeline.local.service.client import sagemaker_client
from pipeline.local.store import Store, StoreError
from tests.pipeline.local.state_support import OLD, registered


def test_an_older_state_is_brought_to_todays_schema_and_keeps_its_versions(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as old:
        old.executescript(OLD.read_text())
    for _ in range(2):
        store = Store(tmp_path)
        package = store.get("ModelPackage", "dogs/2")
        assert package
        assert package["ModelApprovalStatus"] == "Approved"
        assert store.list("StepCache") == []  # these steps run once more
        with closing(sqlite3.connect(tmp_path / FILE)) as new:
            assert new.execute("PRAGMA user_version").fetchone() == (VERSION,)
    assert {path.name for path in tmp_path.glob("registry/*/*")} == {"dogs.json", "dogs%2F2.json"}


def test_the_state_of_a_later_version_is_left_alone(store: Store) -> None:
    with closing(sqlite3.connect(store.root / FILE)) as later:
        later.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(StoreError, match=r"of a later version \(schema 2, this one knows 1\)"):
        Store(store.root)


def test_two_that_open_an_old_state_at_once_migrate_it_once(tmp_path: Path) -> None:
    with closing(database.connect(tmp_path)) as one, closing(database.connect(tmp_path)) as other:
        assert database.migrate(one)
        assert not database.migrate(other)


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be written: root, too, is told so."""
    monkeypatch.setattr(database.os, "access", lambda *_: False)


@pytest.mark.parametrize("left", ["nothing", "a log", "a log that cannot be shared"])
def test_a_state_that_can_only_be_read_is_read(
    store: Store, left: str, read_only: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    del read_only
    registered(store)
    other = Store(store.root)  # as long as it is open the log stays
    if left == "nothing":
        for one in (store, other):
            one.close()
    if left == "a log that cannot be shared":
        monkeypatch.setattr(database, "_opened", _cannot_share)
    here = Store(store.root)
    versions = sagemaker_client(here).list_model_packages(ModelPackageGroupName="dogs")
    assert len(versions["ModelPackageSummaryList"]) == 1
    message = f"cannot write {store.root}/{FILE}: .*readonly.*give another --state"
    with pytest.raises(StoreError, match=message):
        here.put("Model", "a", {})


def _cannot_share(uri: str, wait_s: float) -> sqlite3.Connection:
    raise sqlite3.OperationalError("unable to open database file")


def test_a_state_that_another_holds_for_ever_says_so(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "WAIT_S", 0.01)
    store.close()
    with closing(sqlite3.connect(store.root / FILE, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match=r"is locked \(another process has held it"):
            Store(store.root).list("Model")


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.unlink(),
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"garbage" * 1000),
        lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    ],
    ids=["gone", "empty", "garbage", "cut"],
)
def test_a_damaged_state_is_not_begun_anew_but_named_with_the_way_out(
    store: Store, damage: Callable[[Path], object]
) -> None:
    registered(store, number=20)
    store.close()
    damage(store.root / FILE)
    with pytest.raises(StoreError, match=f"python -m pipeline.local repair --state {store.root}"):
        Store(store.root).list("ModelPackage")


def test_a_file_that_was_copied_without_its_log_is_named_too(store: Store, tmp_path: Path) -> None:
    registered(store)
    copy = tmp_path / "copy"
    shutil.copytree(store.root, copy, ignore=shutil.ignore_patterns("*-wal", "*-shm"))
    with pytest.raises(StoreError, match="is empty or gone, but there are runs"):
        Store(copy)
