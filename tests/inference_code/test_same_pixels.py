"""One picture, one square: in Prepare, in Evaluate, in the server and for `predict`."""

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from evaluation.served_model import check_fit, predict, served_model
from inference import respond
from pictures.dataset import open_split, read_info
from pipeline.endpoint import predictions
from prediction import Model, decode_squares
from prepare import Options, prepare
from tests.inference_code.conftest import CLASSES, RESIZE
from tests.inference_code.picture_table import TABLE, encoded, halves


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures of the table as the test split of a data set that Prepare has read."""
    root = tmp_path_factory.mktemp("prepared")
    for number, (name, shown) in enumerate(TABLE.items()):
        file = root / "data/test" / CLASSES[number % len(CLASSES)] / name.replace("/", "-")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(shown.data)
    for number, label in enumerate(CLASSES):
        for split in ("train", "valid"):
            (root / "data" / split / label).mkdir(parents=True)
            picture = encoded(halves(number, 200), "PNG")
            (root / "data" / split / label / "1.png").write_bytes(picture)
    prepare(Options(root / "data", root, root, RESIZE, (0.8, 0.1, 0.1), 0))
    return root


def test_the_same_pixels_are_seen_everywhere(
    prepared: Path, model: Model, model_dir: Path, tmp_path: Path
) -> None:
    test = open_split(prepared, "test")
    assert len(test.files) == len(TABLE)
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(model_dir, arcname=".")
    with served_model(tmp_path / "model.tar.gz") as served:
        check_fit(served, test, CLASSES)
        evaluated = np.concatenate([found for _, found in predict(served, test, 16)])

    def invoke(body: bytes, kind: str) -> tuple[int, bytes]:
        answer = respond(model, body, kind, "application/json")
        return answer.status, answer.text.encode()

    for row, name in enumerate(test.files):
        data = (prepared / "data" / name).read_bytes()
        (in_server,) = decode_squares([data], model)
        np.testing.assert_array_equal(test.images[row], in_server, err_msg=name)
        if "," in name:  # the plain one of each format is enough for the network
            continue
        told = dict(predictions.predict(invoke, name, data, len(CLASSES)).classes)
        np.testing.assert_allclose(
            [told[label] for label in CLASSES], evaluated[row], atol=1e-5, err_msg=name
        )


def test_what_was_done_to_them_is_told_with_examples(
    prepared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {one["note"]: one for one in read_info(prepared)["notes"]}
    for note in {note for shown in TABLE.values() for note in shown.notes}:
        noted = [name for name, shown in TABLE.items() if note in shown.notes]
        assert told[note.value]["count"] == len(noted)
        assert {file.rpartition("/")[2] for file in told[note.value]["files"]} <= set(noted)
    json.dumps(told)
