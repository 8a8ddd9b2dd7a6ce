"""Evaluate: the test pictures through the very code that will serve."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import inference as own_inference
from evaluate import main
from evaluation.served_model import serving_code
from job.errors import JobError
from pictures.dataset import open_split
from pipeline.assets.code_bundle import serving_bundle

Pack = Callable[[Path, Path], Path]
ROOT = Path(__file__).parents[2]


def evaluate(
    model: Path, test: Path, out: Path, batch_size: int = 5, **more: object
) -> dict[str, Any]:
    arguments = {"model": model, "test": test, "evaluation": out, "batch-size": batch_size} | more
    main([part for k, v in arguments.items() for part in (f"--{k}", str(v))])
    result: dict[str, Any] = json.loads((out / "evaluation.json").read_text())
    return result


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def packed(trained: Any, pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the usual training's model.tar.gz."""
    return pack(trained.model, tmp_path_factory.mktemp("packed"))


def test_every_test_picture_gets_a_line_and_counts(
    packed: Path, prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = evaluate(packed, prepared / "test", tmp_path)
    test = open_split(prepared / "test", "test")
    rows = lines(tmp_path)
    assert [row["file"] for row in rows] == list(test.files)
    right = [row["label"] == row["prediction"] for row in rows]
    metrics = result["multiclass_classification_metrics"]
    assert metrics["accuracy"]["value"] == pytest.approx(np.mean(right))
    spread = metrics["accuracy_standard_error"]["value"]
    assert capsys.readouterr().out.splitlines()[-1] == (
        f"test_accuracy={np.mean(right):.6f} standard_error={spread:.6f} pictures=12"
    )
    assert "champion" not in result
    assert result["dataset"] == {"item_count": 12}
    info = json.loads((prepared / "dataset/dataset.json").read_text())
    assert result["data_fingerprint"] == info["fingerprint"]
    assert re.fullmatch("[0-9a-f]{64}", result["test_fingerprint"])
    assert list(metrics["confusion_matrix"]) == info["classes"]
    for row in rows:
        assert row["file"].find(row["label"]) >= 0
        assert row["prediction"] == info["classes"][int(np.argmax(row["probabilities"]))]


# What the serving image holds: onnxruntime's own requirements are below it.
IMAGE = ("numpy", "PIL", "onnxruntime", "flatbuffers", "google", "packaging", "sympy", "mpmath")
IN_THE_IMAGE = f"""
import runpy, sys
from importlib.machinery import PathFinder

class Image:
    def find_spec(self, name, path=None, target=None):
        found = PathFinder.find_spec(name, path, target)
        if path is None and found and "site-packages" in str(found.origin) and name not in {IMAGE}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Image())
sys.argv = sys.argv[1:]
sys.path[0] = ""
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_what_the_serving_image_holds_is_all_it_needs(
    packed: Path, prepared: Path, tmp_path: Path
) -> None:
    bundle = serving_bundle(ROOT, "evaluate.py", "bucket", installs=False)
    for name, content in bundle.files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    folders = {"model": packed, "test": prepared / "test", "evaluation": tmp_path / "out"}
    folders["champion"] = packed
    given = [part for k, v in folders.items() for part in (f"--{k}", str(v))]
    command = [sys.executable, "-c", IN_THE_IMAGE, str(tmp_path / bundle.entry), *given]
    command += ["--champion-package", "arn:aws:sagemaker:us-east-1:111122223333:model-package/d/1"]
    done = subprocess.run(
        command,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    found = json.loads((tmp_path / "out/evaluation.json").read_text())
    assert found["serving"]["runtime"] == "graph"
    assert set(found["serving"]["versions"]) == {"python", "numpy", "pillow", "onnxruntime"}
    here = evaluate(packed, prepared / "test", tmp_path / "here")
    assert lines(tmp_path / "out") == lines(tmp_path / "here")
    assert found["multiclass_classification_metrics"] == here["multiclass_classification_metrics"]


def test_a_model_without_a_graph_is_measured_by_pytorch(
    train: Any, pack: Pack, prepared: Path, tmp_path: Path
) -> None:
    packed = pack(train(graph="none").model, tmp_path)
    found = evaluate(packed, prepared / "test", tmp_path / "out")["serving"]
    assert found["runtime"] == "torch" and "torch" in found["versions"]


def test_what_is_served_is_what_was_evaluated(
    packed: Path, trained: Any, prepared: Path, tmp_path: Path
) -> None:
    evaluate(packed, prepared / "test", tmp_path)
    model = own_inference.model_fn(str(trained.model))
    for row in lines(tmp_path):
        body = (prepared / "data" / row["file"]).read_bytes()
        answer = own_inference.respond(model, body, "image/png", "*/*")
        (served,) = json.loads(answer.text)["predictions"]
        assert served["label"] == row["prediction"]
        np.testing.assert_allclose(served["probability_list"], row["probabilities"], atol=1e-4)


def test_it_predicts_with_the_artifacts_own_code(
    trained: Any, pack: Pack, prepared: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(trained.model, model)
    with (model / "code/preprocessing.py").open("a") as file:
        file.write(
            "\n\ndef normalise(batch, _):\n    return batch[..., :32, :32] * np.float32(0)\n"
        )
    evaluate(pack(model, tmp_path), prepared / "test", tmp_path / "out")
    rows = lines(tmp_path / "out")
    assert all(row["probabilities"] == rows[0]["probabilities"] for row in rows)


def test_the_jobs_own_modules_come_back_afterwards(
    trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # the training is for all tests
    before = sys.modules["inference"], list(sys.path)
    with serving_code(trained.model / "code") as inference:
        assert inference is not before[0]
        assert Path(str(inference.__file__)).parent == trained.model / "code"
        assert sys.modules["preprocessing"].__file__ == str(trained.model / "code/preprocessing.py")
    assert (sys.modules["inference"], list(sys.path)) == before


def test_a_model_for_other_classes_is_refused(packed: Path, prepared: Path, tmp_path: Path) -> None:
    test = tmp_path / "test"
    shutil.copytree(prepared / "test", test)
    info = json.loads((test / "dataset.json").read_text())
    info["classes"].append("one more")
    (test / "dataset.json").write_text(json.dumps(info))
    with pytest.raises(
        JobError, match=r"the model knows 3 classes \(.+\), the test data has 4 classes"
    ):
        evaluate(packed, test, tmp_path / "out")


def test_pictures_of_another_size_are_refused(packed: Path, prepared: Path, tmp_path: Path) -> None:
    test = tmp_path / "test"
    shutil.copytree(prepared / "test", test)
    np.save(test / "test.images.npy", np.zeros((12, 3, 20, 20), np.uint8))
    with pytest.raises(JobError, match=r"\(3, 20, 20\); the model expects \(3, 40, 40\)"):
        evaluate(packed, test, tmp_path / "out")


def test_an_empty_test_split_is_explained(packed: Path, prepared: Path, tmp_path: Path) -> None:
    test = tmp_path / "test"
    shutil.copytree(prepared / "test", test)
    np.save(test / "test.images.npy", np.zeros((0, 3, 40, 40), np.uint8))
    np.save(test / "test.labels.npy", np.zeros(0, np.int64))
    (test / "test.files.json").write_text("[]")
    with pytest.raises(JobError, match="the test split is empty"):
        evaluate(packed, test, tmp_path / "out")


def test_a_missing_or_damaged_archive_is_explained(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"model\.tar\.gz cannot be extracted"):
        evaluate(tmp_path, prepared / "test", tmp_path / "out")
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz"):
        pass
    with pytest.raises(JobError, match=r"no code/inference\.py"):
        evaluate(tmp_path, prepared / "test", tmp_path / "out")


def test_a_batch_size_of_zero_is_refused(packed: Path, prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="--batch-size must be 1 or more"):
        evaluate(packed, prepared / "test", tmp_path, batch_size=0)
