"""Kept activations: those of the same pictures in the same views, or a reason why not."""

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from extraction.runtime import Runtime
from learning import activation_cache
from learning.activation_cache import NotCacheable, Pictures, cache_activations
from pictures.dataset import Split
from preprocessing import Preprocessing

NEEDED = 3 * 18 * 3 * 16 * 32 * 2  # bytes: views, rows and what `corner` leaves, in half precision


def runtime(forward: Callable[[torch.Tensor], torch.Tensor]) -> Runtime:
    return Runtime("test", 2, 4, lambda squares: forward(squares.float()).numpy())


@pytest.fixture
def pictures() -> Pictures:
    """Every second row of 36 pictures of noise."""
    images = np.random.default_rng(0).integers(0, 256, (36, 3, 40, 40), np.uint8)
    split = Split(images, np.zeros(36, np.int64), ("",) * 36)
    preprocessing = Preprocessing(40, 32, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    return Pictures(split, np.arange(0, 36, 2), preprocessing, seed=3)


def corner(squares: torch.Tensor) -> torch.Tensor:
    return squares[:, :, :16, :32] / 2


def test_every_row_is_kept_in_every_view(
    pictures: Pictures, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = cache_activations(runtime(corner), pictures, range(3), tmp_path / "a.npy")
    assert "frozen activations: 54 of 54 (" in capsys.readouterr().out
    assert kept.shape == (3, 18, 3, 16, 32)
    for view in range(3):
        for row in (0, 17):
            squares = pictures.squares(pictures.rows[row : row + 1], np.array([view]))
            np.testing.assert_array_equal(kept[view, row], corner(squares.float())[0])
    assert not np.array_equal(kept[1], kept[2])
    again = cache_activations(runtime(corner), pictures, range(1, 3), tmp_path / "b.npy")
    np.testing.assert_array_equal(again, kept[1:])


def test_a_random_view_is_decided_by_seed_view_and_row(pictures: Pictures) -> None:
    same = np.repeat(pictures.split.images[:1], 8, axis=0)  # only the way it is cut may differ
    copies = replace(pictures, split=replace(pictures.split, images=same))

    def cut(seed: int, view: int) -> torch.Tensor:
        return replace(copies, seed=seed).squares(np.arange(8), np.full(8, view))

    assert torch.equal(cut(3, 1), cut(3, 1))
    assert not torch.equal(cut(3, 1), cut(3, 2))
    assert not torch.equal(cut(3, 1), cut(4, 1))
    assert len({row.numpy().tobytes() for row in cut(3, 1)}) > 1


def test_what_half_precision_cannot_hold_is_not_kept(pictures: Pictures, tmp_path: Path) -> None:
    with pytest.raises(NotCacheable, match="too large for half precision"):
        cache_activations(runtime(lambda x: x * 1e6), pictures, range(1), tmp_path / "a.npy")


def test_a_gpu_without_the_memory_for_a_batch_keeps_nothing(
    pictures: Pictures, tmp_path: Path
) -> None:
    def full(squares: torch.Tensor) -> torch.Tensor:
        if len(squares) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return corner(squares)

    with pytest.raises(NotCacheable, match=r"no memory for 2 batches of 4 .* Lower batch_size"):
        cache_activations(runtime(full), pictures, range(1), tmp_path / "a.npy")


def test_no_more_than_half_of_the_free_disk_is_taken(
    pictures: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=2 * NEEDED)
    monkeypatch.setattr(activation_cache.shutil, "disk_usage", lambda _: usage)
    cache_activations(runtime(corner), pictures, range(3), tmp_path / "a.npy")
    (tmp_path / "a.npy").unlink()
    usage = usage._replace(free=2 * NEEDED - 1)
    with pytest.raises(NotCacheable, match=r"need 0\.0 GB .* Lower fine_tune_views"):
        cache_activations(runtime(corner), pictures, range(3), tmp_path / "a.npy")
    assert not list(tmp_path.iterdir())


def test_space_is_taken_before_it_is_written_to(
    pictures: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.npy"
    cache_activations(runtime(corner), pictures, range(3), path)
    assert path.stat().st_blocks * 512 >= path.stat().st_size

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(NotCacheable, match="no space for them"):
        cache_activations(runtime(corner), pictures, range(3), path)
