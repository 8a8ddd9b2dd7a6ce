"""A camera that was turned changes nothing: not what is learned, evaluated or answered."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import inference
from evaluate import main as evaluate
from pictures.dataset import open_split
from prepare import Options, prepare
from tests.training_code.conftest import RESIZE

# EXIF orientation: how a camera that was held so has stored an upright picture
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
SPLITS = {"train": "dataset", "valid": "dataset", "test": "test"}


@pytest.fixture(scope="module")
def turned(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same splits, their pictures stored in all of EXIF's ways in turn, and prepared."""
    root = tmp_path_factory.mktemp("turned")
    for split, folder in SPLITS.items():
        for number, file in enumerate(open_split(prepared / folder, split).files):
            orientation, exif = 1 + number % 8, Image.Exif()
            exif[0x0112] = orientation
            target = root / "data" / split / file
            target.parent.mkdir(parents=True, exist_ok=True)
            with Image.open(prepared / "data" / file) as image:
                method = STORED.get(orientation)
                (image if method is None else image.transpose(method)).save(target, exif=exif)
    prepare(Options(root / "data", root / "dataset", root / "test", RESIZE, (0.6, 0.2, 0.2), 0))
    return root


@pytest.mark.parametrize("split", SPLITS)
def test_training_and_evaluation_read_the_same_pixels(
    prepared: Path, turned: Path, split: str
) -> None:
    upright, other = (open_split(root / SPLITS[split], split) for root in (prepared, turned))
    rows = {file.removeprefix(f"{split}/"): row for row, file in enumerate(other.files)}
    assert set(rows) == set(upright.files)
    for row, file in enumerate(upright.files):
        np.testing.assert_array_equal(other.images[rows[file]], upright.images[row])


def test_the_endpoint_answers_as_evaluation_found(
    trained: Any, pack: Callable[[Path, Path], Path], prepared: Path, turned: Path, tmp_path: Path
) -> None:
    packed = pack(trained.model, tmp_path / "model")
    arguments = {"model": packed, "test": prepared / "test", "evaluation": tmp_path}
    evaluate([part for k, v in arguments.items() for part in (f"--{k}", str(v))])
    model = inference.model_fn(str(trained.model))
    for line in (tmp_path / "predictions.jsonl").read_text().splitlines():
        row = json.loads(line)
        body = (turned / "data" / "test" / row["file"]).read_bytes()
        answer = json.loads(inference.respond(model, body, "image/png", "*/*").text)
        found = answer["predictions"][0]["probability_list"]
        np.testing.assert_allclose(found, row["probabilities"], atol=1e-5)
