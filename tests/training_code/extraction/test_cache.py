"""Features computed before are found by the pixels, and never wrongly."""

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from extraction.cache import FeatureCache, cache_folder, prune, row_key

DIMENSION = 4


def squares(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, 6, 6), np.uint8)


def filled(folder: Path, count: int = 5) -> tuple[list[bytes], np.ndarray]:
    keys = [row_key(square, 0) for square in squares(count)]
    values = np.arange(count * DIMENSION, dtype=np.float32).reshape(count, DIMENSION)
    FeatureCache(folder, DIMENSION).add(keys, values)
    return keys, values


def test_what_was_added_is_found_by_the_next_job_and_nothing_else_is(tmp_path: Path) -> None:
    keys, values = filled(tmp_path)
    other = row_key(squares(1, seed=1)[0], 0)
    found = FeatureCache(tmp_path, DIMENSION).find([keys[3], other, keys[0]])
    assert set(found) == {0, 2}
    np.testing.assert_array_equal(found[0], values[3])
    np.testing.assert_array_equal(found[2], values[0])


def test_a_key_is_the_pixels_and_the_view() -> None:
    one = squares(1)[0]
    changed = one.copy()
    changed[2, 5, 5] ^= 1
    assert row_key(one, 1) == row_key(one.copy(), 1)
    assert len({row_key(one, 0), row_key(one, 1), row_key(changed, 0)}) == 3


@pytest.mark.parametrize("damage", ["cut short", "empty", "no archive", "a row too few"])
def test_a_damaged_file_is_removed_and_computed_again(tmp_path: Path, damage: str) -> None:
    keys, values = filled(tmp_path)
    (path,) = tmp_path.glob("*.npz")
    whole = path.read_bytes()
    if damage == "a row too few":
        np.savez(path, keys=np.load(path)["keys"], values=values[1:])
    else:
        path.write_bytes({"cut short": whole[:-40], "empty": b"", "no archive": b"x" * 99}[damage])
    cache = FeatureCache(tmp_path, DIMENSION)
    assert not path.exists()
    assert cache.find(keys) == {}
    cache.add(keys, values)
    assert len(FeatureCache(tmp_path, DIMENSION).find(keys)) == 5


def test_features_of_another_size_are_not_taken(tmp_path: Path) -> None:
    keys, _ = filled(tmp_path)
    assert FeatureCache(tmp_path, DIMENSION + 1).find(keys) == {}


def test_what_another_job_removes_meanwhile_is_computed_again(tmp_path: Path) -> None:
    keys, _ = filled(tmp_path)
    cache = FeatureCache(tmp_path, DIMENSION)
    for path in tmp_path.glob("*.npz"):
        path.unlink()
    assert cache.find(keys) == {}


def test_a_full_disk_keeps_nothing_and_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    keys, _ = filled(tmp_path)
    assert not list(tmp_path.iterdir())
    assert FeatureCache(tmp_path, DIMENSION).find(keys) == {}


def test_threads_may_add_at_once(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, DIMENSION)
    keys = [[row_key(square, view) for square in squares(3)] for view in range(20)]

    def add(view: int) -> None:
        cache.add(keys[view], np.full((3, DIMENSION), view, np.float32))

    threads = [threading.Thread(target=add, args=(view,)) for view in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for known in (cache, FeatureCache(tmp_path, DIMENSION)):
        for view in range(20):
            found = known.find(keys[view])
            assert [float(found[row][0]) for row in range(3)] == [view] * 3
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".npz"]


def test_threads_read_one_file_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.11 ends with a SystemError where two threads parse the heads of files at once."""
    keys, values = filled(tmp_path)
    cache, load = FeatureCache(tmp_path, DIMENSION), np.load
    inside: list[object] = []
    at_once: list[int] = []

    def slow(path: Path, *, allow_pickle: bool) -> object:
        inside.append(path)
        at_once.append(len(inside))
        threading.Event().wait(0.02)  # for another thread to begin, if it may
        inside.pop()
        return load(path, allow_pickle=allow_pickle)

    monkeypatch.setattr(np, "load", slow)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(cache.find, [keys] * 4))
    assert [len(one) for one in found] == [len(values)] * 4
    assert at_once == [1, 1, 1, 1]


def test_ways_not_used_for_longest_go_when_the_disk_is_needed(tmp_path: Path) -> None:
    folders = [cache_folder(tmp_path, {"backbone": name}) for name in ("a", "b", "c")]
    for age, folder in enumerate(folders):
        filled(folder)
        os.utime(folder, (1_000 - age, 1_000 - age))
    FeatureCache(folders[2], DIMENSION)  # the oldest is used now
    size = sum(path.stat().st_size for path in folders[0].iterdir())
    prune(tmp_path, max_bytes=2 * size)
    assert [folder.exists() for folder in folders] == [True, False, True]
    (folders[2] / "gone.npz").symlink_to("removed by another job")
    prune(tmp_path, max_bytes=0)  # what is in use now stays
    assert [folder.exists() for folder in folders] == [False, False, True]
