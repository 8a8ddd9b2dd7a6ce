"""A pass gives every row in order, once, however it was interrupted and whatever was added."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from extraction import backbone_pass
from extraction.backbone_pass import features_of, in_order
from extraction.cache import FeatureCache
from extraction.runtime import Runtime
from job.errors import JobError
from pictures.dataset import Split

CROP = 8


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbone_pass, "_CHUNK", 4)


def split_of(images: np.ndarray) -> Split:
    return Split(images, np.zeros(len(images), np.int64), tuple(map(str, range(len(images)))))


def pictures(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, 10, 10), np.uint8)


class Counting:
    """A backbone that gives the mean of each channel, and fails after so many pictures."""

    def __init__(self, fail_after: int = 10**9) -> None:
        self.seen, self.fail_after, self._lock = 0, fail_after, threading.Lock()

    def __call__(self, squares: Tensor) -> np.ndarray:
        with self._lock:
            self.seen += len(squares)
        if self.seen > self.fail_after:
            raise RuntimeError("killed")
        return squares.float().mean((2, 3)).numpy()

    def runtime(self, threads: int = 2) -> Runtime:
        return Runtime("counting", threads, 3, self)


def run(split: Split, backbone: Counting, views: int = 1, cache: FeatureCache | None = None):
    chunks = list(features_of(split, views, CROP, backbone.runtime(), cache))
    return np.concatenate([chunk.values for chunk in chunks]), sum(c.cached for c in chunks)


def test_every_row_in_order_view_after_view() -> None:
    images = pictures(11)
    values, cached = run(split_of(images), Counting(), views=3)
    assert (values.shape, cached) == ((33, 3), 0)
    np.testing.assert_allclose(values[:11], images.mean((2, 3)), rtol=1e-5)
    assert np.abs(values[11:22] - values[:11]).max() > 1
    assert np.abs(values[22:] - values[11:22]).max() > 1


def test_a_view_belongs_to_the_picture_and_not_to_its_row() -> None:
    images = pictures(9)
    there, _ = run(split_of(images), Counting(), views=2)
    back, _ = run(split_of(images[::-1]), Counting(), views=2)
    np.testing.assert_array_equal(there[9:], back[9:][::-1])


def test_a_killed_pass_goes_on_where_it_was(tmp_path: Path) -> None:
    split, whole = split_of(pictures(20)), Counting()
    expected, _ = run(split, whole, views=2)
    first = Counting(fail_after=26)
    with pytest.raises(RuntimeError, match="killed"):
        run(split, first, views=2, cache=FeatureCache(tmp_path, 3))
    second = Counting()
    values, cached = run(split, second, views=2, cache=FeatureCache(tmp_path, 3))
    np.testing.assert_array_equal(values, expected)
    assert cached >= 16
    assert second.seen == 40 - cached


def test_only_new_and_changed_pictures_are_computed(tmp_path: Path) -> None:
    images = pictures(12)
    run(split_of(images), Counting(), cache=FeatureCache(tmp_path, 3))
    changed = np.concatenate([pictures(2, seed=5), images[:6], images[7:]])
    changed[5] = 255 - changed[5]
    backbone = Counting()
    values, cached = run(split_of(changed), backbone, cache=FeatureCache(tmp_path, 3))
    assert (backbone.seen, cached) == (3, 10)
    np.testing.assert_allclose(values, changed.mean((2, 3)), rtol=1e-5)
    assert len(list(tmp_path.iterdir())) == 3 + 2  # one a chunk with anything new


def test_features_that_are_no_numbers_are_refused_and_not_kept(tmp_path: Path) -> None:
    runtime = Runtime("broken", 2, 3, lambda squares: np.full((len(squares), 3), np.nan, "f4"))
    cache = FeatureCache(tmp_path, 3)
    with pytest.raises(JobError, match=r"not finite.*backbone\.weights"):
        list(features_of(split_of(pictures(5)), 1, CROP, runtime, cache))
    assert len(cache) == 0


def test_few_items_are_held_at_a_time() -> None:
    begun = 0

    def items():
        nonlocal begun
        for number in range(50):
            begun += 1
            yield number

    for done, result in enumerate(in_order(lambda number: number * 2, items(), threads=3)):
        assert result == done * 2
        assert begun <= done + 6 + 1
    assert begun == 50


def test_torch_batches_are_not_shared_between_threads() -> None:
    values, _ = run(split_of(pictures(40)), Counting(), views=2)
    again = list(features_of(split_of(pictures(40)), 2, CROP, Counting().runtime(threads=7)))
    assert torch.equal(
        torch.from_numpy(values), torch.from_numpy(np.concatenate([c.values for c in again]))
    )
