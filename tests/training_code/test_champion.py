"""A new model beside the approved one: on the same pictures, and never at the job's expense."""

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from evaluate import main

Pack = Callable[[Path, Path], Path]
Change = Callable[[Path], None]
ARN = "arn:aws:sagemaker:us-east-1:111122223333:model-package/dogs/3"


def evaluate(
    model: Path, test: Path, out: Path, champion: Path | None = None, package: str = ARN
) -> tuple[dict[str, Any], str]:
    """evaluation.json, and what was printed."""
    arguments: dict[str, object] = {"model": model, "test": test, "evaluation": out}
    if champion is not None:
        arguments |= {"champion": champion, "champion-package": package}
    with redirect_stdout(io.StringIO()) as log:
        main([part for k, v in arguments.items() for part in (f"--{k}", str(v))])
    result: dict[str, Any] = json.loads((out / "evaluation.json").read_text())
    return result, log.getvalue()


def right(out: Path) -> npt.NDArray[np.bool_]:
    rows = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    return np.array([row["label"] == row["prediction"] for row in rows])


@pytest.fixture(scope="module")
def packed(trained: Any, pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the usual training's model.tar.gz."""
    return pack(trained.model, tmp_path_factory.mktemp("packed"))


@pytest.fixture(scope="module")
def untrained(train: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that learned nothing."""
    model: Path = train(epochs=1, lr=1e-9, seed=1).model
    return model


@pytest.fixture
def changed(trained: Any, pack: Pack, tmp_path: Path) -> Callable[[Change], Path]:
    """A folder with the archive of a model that was changed before it was packed."""

    def make(change: Change) -> Path:
        folder = tmp_path / "changed"
        shutil.copytree(trained.model, folder)
        change(folder)
        return pack(folder, tmp_path / "champion")

    return make


def describe(**values: Any) -> Change:
    def change(folder: Path) -> None:
        description = json.loads((folder / "model.json").read_text())
        (folder / "model.json").write_text(json.dumps(description | values))

    return change


def add_code(text: str, file: str = "inference.py") -> Change:
    def change(folder: Path) -> None:
        with (folder / "code" / file).open("a") as opened:
            opened.write(f"\n\n{text}\n")

    return change


def resized(folder: Path) -> None:
    description = json.loads((folder / "model.json").read_text())
    preprocessing = description["preprocessing"] | {"resize": 64}
    describe(preprocessing=preprocessing)(folder)


def test_both_are_asked_about_the_same_pictures(
    packed: Path, untrained: Path, pack: Pack, prepared: Path, tmp_path: Path
) -> None:
    other = pack(untrained, tmp_path / "other")
    section = evaluate(packed, prepared / "test", tmp_path / "a", other)[0]["champion"]
    evaluate(other, prepared / "test", tmp_path / "b")
    challenger, champion = right(tmp_path / "a"), right(tmp_path / "b")
    assert section["compared"]
    assert section["model_package_arn"] == ARN
    assert section["accuracy"] == pytest.approx(champion.mean())
    assert section["difference"] == pytest.approx(challenger.mean() - champion.mean())
    assert section["difference"] > 0
    assert section["shortfall"] == 0.0
    pairs = section["paired"]
    assert pairs["pictures"] == 12
    assert pairs["only_challenger_right"] == int((challenger & ~champion).sum())
    assert pairs["only_champion_right"] == int((champion & ~challenger).sum())
    assert 0 < pairs["mcnemar_p_value"] <= 1


def test_a_worse_model_falls_short_of_the_champion(
    packed: Path, untrained: Path, pack: Pack, prepared: Path, tmp_path: Path
) -> None:
    worse = pack(untrained, tmp_path / "worse")
    section, log = evaluate(worse, prepared / "test", tmp_path / "out", packed)
    section = section["champion"]
    assert section["shortfall"] == -section["difference"] > 0
    assert f"the champion (dogs/3) has {section['accuracy']:.4f}" in section["summary"]
    assert f"champion: {section['summary']}\n" in log


def test_the_same_model_again_differs_by_nothing_and_is_not_asked_twice(
    packed: Path, prepared: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(packed, copy)
    result, log = evaluate(packed, prepared / "test", tmp_path / "out", copy)
    section = result["champion"]
    accuracy = result["multiclass_classification_metrics"]["accuracy"]["value"]
    assert (section["accuracy"], section["difference"], section["shortfall"]) == (accuracy, 0, 0)
    assert section["paired"]["mcnemar_p_value"] == 1.0
    assert section["reason"] == "it is this very model"
    assert "champion evaluated" not in log


def test_the_champion_answers_with_its_own_code(
    packed: Path, changed: Callable[[Change], Path], prepared: Path, tmp_path: Path
) -> None:
    blind = "def normalise(batch, preprocessing):\n    return batch[..., :32, :32].float() * 0"
    champion = changed(add_code(blind, "preprocessing.py"))
    section = evaluate(packed, prepared / "test", tmp_path / "out", champion)[0]["champion"]
    assert section["accuracy"] == pytest.approx(4 / 12)  # one answer for pictures of 3 classes


def test_a_champion_of_other_data_is_compared_with_a_warning(
    packed: Path, changed: Callable[[Change], Path], prepared: Path, tmp_path: Path
) -> None:
    champion = changed(describe(data_fingerprint="f" * 64))
    section = evaluate(packed, prepared / "test", tmp_path / "out", champion)[0]["champion"]
    assert (section["compared"], section["difference"]) == (True, 0.0)
    assert "it learned from other data" in section["reason"]
    assert section["reason"] in section["summary"]


def without(*names: str) -> Change:
    """Takes these files out of the artifact."""

    def change(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return change


UNUSABLE: dict[str, tuple[Change, str]] = {
    "other classes": (
        describe(classes=["a", "b", "c"]),
        "the model knows 3 classes (a, b, c), the test",
    ),
    "other size": (resized, "the model expects (3, 64, 64)"),
    "no code": (lambda folder: shutil.rmtree(folder / "code"), "no code/inference.py"),
    "no weights": (without("model.safetensors", "model.onnx"), "model.safetensors"),
    "code of another age": (add_code("import left_behind"), "No module named 'left_behind'"),
    "code that ends the job": (add_code("raise SystemExit('enough')"), "SystemExit: enough"),
    "code that cannot predict": (add_code("del predict"), "predict"),
    "answers for fewer pictures": (
        add_code("def predict_fn(data, model): return predict(data[1:], model)"),
        "",
    ),
    "a long reason": (add_code("raise ValueError('x' * 9000)"), "ValueError: xxx"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_champion_that_cannot_be_compared_never_fails_the_job(
    case: str, packed: Path, changed: Callable[[Change], Path], prepared: Path, tmp_path: Path
) -> None:
    change, reason = UNUSABLE[case]
    champion = changed(change)
    result, log = evaluate(packed, prepared / "test", tmp_path / "out", champion)
    assert_not_compared(result, log, reason)
    assert result["champion"]["model_package_arn"] == ARN


def assert_not_compared(result: dict[str, Any], log: str, reason: str) -> None:
    section = result["champion"]
    assert section["compared"] is False
    assert (section["difference"], section["shortfall"]) == (0.0, 0.0)
    assert section["accuracy"] is section["paired"] is None
    assert reason in section["reason"]
    assert 0 < len(section["reason"]) <= 500
    assert section["summary"].endswith(section["reason"])
    assert f"champion: {section['summary']}\n" in log
    assert result["multiclass_classification_metrics"]["accuracy"]["value"] > 0.5


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_a_damaged_archive_is_not_compared(
    content: bytes | None, packed: Path, prepared: Path, tmp_path: Path
) -> None:
    champion = tmp_path / "champion"
    champion.mkdir()
    if content is None:
        with tarfile.open(champion / "model.tar.gz", "w:gz") as archive:
            archive.addfile(tarfile.TarInfo("../outside"))
    else:
        (champion / "model.tar.gz").write_bytes(content)
    result, log = evaluate(packed, prepared / "test", tmp_path / "out", champion)
    assert_not_compared(result, log, "model.tar.gz cannot be extracted")


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        ("none", "no version is approved yet"),
        (ARN, "its model is not there, or may not be read"),
    ],
)
def test_the_folder_that_stands_for_no_champion(
    package: str, reason: str, packed: Path, prepared: Path, tmp_path: Path
) -> None:
    champion = tmp_path / "champion"
    champion.mkdir()
    (champion / "no-champion.txt").write_text("none")
    result, log = evaluate(packed, prepared / "test", tmp_path / "out", champion, package)
    assert_not_compared(result, log, reason)
    assert result["champion"]["model_package_arn"] == package


def test_without_the_rule_there_is_no_section(packed: Path, prepared: Path, tmp_path: Path) -> None:
    assert "champion" not in evaluate(packed, prepared / "test", tmp_path / "out")[0]


def test_the_check_knows_every_member_that_is_written(
    packed: Path, prepared: Path, tmp_path: Path
) -> None:
    from pipeline.check.scripts import SCRIPTS

    section = evaluate(packed, prepared / "test", tmp_path / "out", packed)[0]["champion"]
    known = SCRIPTS["evaluate.py"].files["evaluation.json"]["champion"]
    assert section.keys() == known.keys()
    assert section["paired"].keys() == known["paired"].keys()
