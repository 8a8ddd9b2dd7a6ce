"""Test pictures that training sees as well: the same file, and nearly the same picture."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from features import main
from job.errors import JobError
from prepare import Options, prepare

Extract = Callable[..., list[dict[str, object]]]


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared data set of smooth pictures, split by its folders, with two test pictures seen.

    test/a/0 is train/a/0 itself; test/b/0 is valid/b/0, saved again as a JPEG.
    """
    root, random = tmp_path_factory.mktemp("leaking"), np.random.default_rng(0)
    for split, count in (("train", 30), ("valid", 6), ("test", 6)):
        for label in ("a", "b"):
            folder = root / "data" / split / label
            folder.mkdir(parents=True)
            for number in range(count):
                small = random.integers(0, 256, (5, 5, 3), np.uint8)
                Image.fromarray(small).resize((48, 48)).save(folder / f"{number}.png")
    data = root / "data"
    shutil.copyfile(data / "train/a/0.png", data / "test/a/0.png")
    with Image.open(data / "valid/b/0.png") as picture:
        picture.save(data / "test/b/0.jpg", quality=60)
    (data / "test/b/0.png").unlink()
    prepare(Options(data, root / "dataset", root / "test", 40, (0.6, 0.2, 0.2), 0))
    return root


@pytest.fixture
def extract(leaking: Path, tmp_path: Path) -> Extract:
    def run(*more: str) -> list[dict[str, object]]:
        arguments = ["--dataset", str(leaking / "dataset"), "--features", str(tmp_path)]
        arguments += ["--backbone", "shufflenet_v2_x0_5", "--crop", "32"]
        main([*arguments, *more])
        found: list[dict[str, object]] = json.loads((tmp_path / "test_in_train.json").read_text())[
            "seen"
        ]
        return found

    return run


def test_they_are_told_and_written(
    leaking: Path, extract: Extract, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same, near = extract("--test", str(leaking / "test"))
    assert (same["file"], same["split"], same["like"]) == ("test/a/0.png", "train", "train/a/0.png")
    assert same["same_file"]
    assert (near["file"], near["split"], near["like"]) == ("test/b/0.jpg", "valid", "valid/b/0.png")
    assert not near["same_file"]
    assert (
        "warning: 2 of 12 test pictures are in train or valid as well (1 the very file, 1 nearly"
        " the same picture), for example test/a/0.png = train/a/0.png"
    ) in capsys.readouterr().out
    assert not list(tmp_path.glob("test.*"))  # nothing of them is left for training


def test_they_end_the_run_where_that_is_asked_for(leaking: Path, extract: Extract) -> None:
    with pytest.raises(JobError, match=r"2 of 12 test pictures .+ or set data.test_in_train to"):
        extract("--test", str(leaking / "test"), "--test-in-train", "fail")


def test_a_data_set_without_any_is_as_good_with_either(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--dataset", str(prepared / "dataset"), "--features", str(tmp_path)]
    arguments += ["--backbone", "shufflenet_v2_x0_5", "--crop", "32"]
    main([*arguments, "--test", str(prepared / "test"), "--test-in-train", "fail"])
    assert "none of 12 test pictures is in train or valid as well" in capsys.readouterr().out
