"""The prepared files: written in place, read without decoding."""

from pathlib import Path

import numpy as np
import pytest

from job.errors import JobError
from pictures.dataset import (
    copy_images,
    create_images,
    image_offset,
    images_path,
    mean_and_std,
    open_split,
    read_info,
    read_sizes,
    write_rows,
)
from pictures.picture_rows import sum_pixels


def write(folder: Path, split: str, pixels: np.ndarray) -> None:
    path, side = images_path(folder, split), pixels.shape[-1]
    create_images({path: len(pixels)}, side)
    with path.open("r+b") as file:
        for row in reversed(range(len(pixels))):
            file.seek(image_offset(row, side))
            file.write(pixels[row].tobytes())
    rows = range(len(pixels))
    names, contents = [f"{row}.jpg" for row in rows], [f"{row:064x}" for row in rows]
    sizes = [(side, row + 1) for row in rows]
    write_rows(folder, split, list(rows), names, contents=contents, sizes=sizes)


def noise(rows: int, side: int = 8) -> np.ndarray:
    return np.random.default_rng(rows).integers(0, 256, (rows, 3, side, side), dtype=np.uint8)


@pytest.mark.parametrize("rows", [1, 12, 1234])
def test_rows_written_in_any_order_are_read_back(tmp_path: Path, rows: int) -> None:
    pixels = noise(rows)
    write(tmp_path, "train", pixels)
    stored = open_split(tmp_path, "train")
    assert np.array_equal(stored.images, pixels)
    assert stored.images.dtype == np.uint8 and not stored.images.flags.writeable
    assert stored.labels.dtype == np.int64 and stored.labels.tolist() == list(range(rows))
    assert stored.files[0] == "0.jpg"
    sizes = read_sizes(tmp_path, "train")
    assert sizes is not None
    assert sizes[:, 1].tolist() == list(range(1, rows + 1))


def test_sizes_of_an_older_version_are_not_known(tmp_path: Path) -> None:
    assert read_sizes(tmp_path, "train") is None


def test_rows_are_copied_from_several_files(tmp_path: Path) -> None:
    one, two = noise(5), noise(7)
    write(tmp_path, "train", one)
    write(tmp_path, "valid", two)
    train, valid = images_path(tmp_path, "train"), images_path(tmp_path, "valid")
    copy_images(tmp_path / "new.npy", [(valid, 6), (train, 0), (valid, 1)], 8)
    assert np.array_equal(np.load(tmp_path / "new.npy"), [two[6], one[0], two[1]])


def test_statistics_are_exact_over_all_pixels() -> None:
    pixels = noise(50, 9)
    mean, std = mean_and_std((sum_pixels(picture) for picture in pixels), 81)
    assert mean == pytest.approx((pixels / 255).mean((0, 2, 3)), abs=1e-14)
    assert std == pytest.approx((pixels / 255).std((0, 2, 3)), abs=1e-14)


def test_a_channel_without_spread_can_still_be_divided_by() -> None:
    flat = np.full((3, 4, 4), 51, dtype=np.uint8)
    mean, std = mean_and_std([sum_pixels(flat)], 16)
    assert mean == pytest.approx((0.2, 0.2, 0.2))
    assert min(std) > 0


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"train\.images\.npy is missing"):
        open_split(tmp_path, "train")
    with pytest.raises(JobError, match=r"dataset\.json is missing"):
        read_info(tmp_path)
