"""A new model beside the approved one: on the same pictures, and never at the job's expense."""

import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from evaluate import main
from evaluation.champion import Challenger, Champion, Exam, compare
from pictures.dataset import open_split, read_info

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
def exam(prepared: Path) -> Exam:
    """The test pictures."""
    info = read_info(prepared / "test")
    return Exam(open_split(prepared / "test", "test"), tuple(info["classes"]), info["fingerprint"])


@pytest.fixture(scope="module")
def challenger(
    packed: Path, prepared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Challenger:
    """The usual training's model, and which pictures it is right about."""
    out = tmp_path_factory.mktemp("challenger")
    evaluate(packed, prepared / "test", out)
    return Challenger(packed / "model.tar.gz", right(out))


Compare = Callable[..., tuple[dict[str, Any], str]]


@pytest.fixture
def compared(challenger: Challenger, exam: Exam) -> Compare:
    """Compares with the champion in a folder: its section, and what was printed."""

    def run(champion: Path, package: str = ARN) -> tuple[dict[str, Any], str]:
        with redirect_stdout(io.StringIO()) as log:
            section = compare(Champion(champion, package), challenger, exam, 64)
        return section, log.getvalue()

    return run


@pytest.fixture(scope="module")
def untrained(train: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that learned nothing."""
    model: Path = train(epochs=1, lr=1e-9, seed=1, graph="none").model
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
    assert section["recall"].keys() == set(read_info(prepared / "test")["classes"])
    assert sum(section["recall"].values()) / 3 == pytest.approx(champion.mean())


def test_a_worse_model_falls_short_of_the_champion(
    packed: Path, untrained: Path, pack: Pack, prepared: Path, tmp_path: Path
) -> None:
    worse = pack(untrained, tmp_path / "worse")
    section, log = evaluate(worse, prepared / "test", tmp_path / "out", packed)
    section = section["champion"]
    assert section["shortfall"] == -section["difference"] > 0
    only_new, only_old = (
        section["paired"][f"only_{who}_right"] for who in ("challenger", "champion")
    )
    assert only_new < only_old
    assert section["summary"].startswith(
        f"the champion (dogs/3) has {section['accuracy']:.4f} on the same pictures "
        f"({section['difference']:+.4f}; only the new model right on {only_new}, only the champion "
        f"on {only_old}, p = "
    )
    assert f"champion: {section['summary']}\n" in log


def test_the_same_model_again_differs_by_nothing_and_is_not_asked_twice(
    packed: Path, challenger: Challenger, compared: Compare, tmp_path: Path
) -> None:
    shutil.copytree(packed, tmp_path / "copy")
    section, log = compared(tmp_path / "copy")
    accuracy = challenger.right.mean()
    assert (section["accuracy"], section["difference"], section["shortfall"]) == (accuracy, 0, 0)
    assert section["paired"]["mcnemar_p_value"] == 1.0
    assert section["reason"] == "it is this very model"
    assert "champion evaluated" not in log


def test_the_champion_answers_with_its_own_code(
    changed: Callable[[Change], Path], compared: Compare
) -> None:
    blind = "def normalise(batch, preprocessing):\n    return batch[..., :32, :32] * np.float32(0)"
    section, _ = compared(changed(add_code(blind, "preprocessing.py")))
    assert section["accuracy"] == pytest.approx(4 / 12)  # one answer for pictures of 3 classes


def test_a_champion_of_other_data_is_compared_with_a_warning(
    changed: Callable[[Change], Path], compared: Compare
) -> None:
    section, _ = compared(changed(describe(data_fingerprint="f" * 64)))
    assert (section["compared"], section["difference"]) == (True, 0.0)
    assert "it learned from other data" in section["reason"]
    assert section["reason"] in section["summary"]


UNUSABLE: dict[str, tuple[Change, str]] = {
    "other classes": (
        describe(classes=["a", "b", "c"]),
        "the model knows 3 classes (a, b, c), the test",
    ),
    "code of another age": (
        add_code("import left_behind"),
        "its code needs left_behind, which this image lacks",
    ),
    "code that ends the job": (add_code("raise SystemExit('enough')"), "SystemExit: enough"),
    "answers for fewer pictures": (
        add_code("def predict_fn(data, model): return predict(data[1:], model)"),
        "",
    ),
    "a long reason": (add_code("raise ValueError('x' * 9000)"), "ValueError: xxx"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_champion_that_cannot_be_compared_never_fails_the_job(
    case: str,
    changed: Callable[[Change], Path],
    compared: Compare,
    capsys: pytest.CaptureFixture[str],
) -> None:
    change, reason = UNUSABLE[case]
    section, log = compared(changed(change))
    assert_not_compared(section, log, reason)
    assert section["model_package_arn"] == ARN
    # the log has the traceback of what its own code raised
    assert ("No module named 'left_behind'" in capsys.readouterr().err) == (
        case == "code of another age"
    )


def assert_not_compared(section: dict[str, Any], log: str, reason: str) -> None:
    assert section["compared"] is False
    assert (section["difference"], section["shortfall"]) == (0.0, 0.0)
    assert section["accuracy"] is section["paired"] is None
    assert reason in section["reason"]
    assert 0 < len(section["reason"]) <= 500
    assert section["summary"].endswith(section["reason"])
    assert f"champion: {section['summary']}\n" in log


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_a_damaged_archive_is_not_compared(
    content: bytes | None, packed: Path, compared: Compare, tmp_path: Path
) -> None:
    champion = tmp_path / "champion"
    champion.mkdir()
    same = (packed / "model.tar.gz").stat()  # its size and time say nothing about its content
    if content is None:
        with tarfile.open(champion / "model.tar.gz", "w:gz") as archive:
            archive.addfile(tarfile.TarInfo("../outside"))
    else:
        (champion / "model.tar.gz").write_bytes(content and content.ljust(same.st_size))
        os.utime(champion / "model.tar.gz", ns=(same.st_atime_ns, same.st_mtime_ns))
    assert_not_compared(*compared(champion), "model.tar.gz cannot be extracted")


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        ("none", "no version is approved yet"),
        (ARN, "its model is not there, or may not be read"),
    ],
)
def test_the_folder_that_stands_for_no_champion(
    package: str, reason: str, compared: Compare, tmp_path: Path
) -> None:
    champion = tmp_path / "champion"
    champion.mkdir()
    (champion / "no-champion.txt").write_text("none")
    section, log = compared(champion, package)
    assert_not_compared(section, log, reason)
    assert section["model_package_arn"] == package


def test_the_check_knows_every_member_that_is_written(
    packed: Path, prepared: Path, tmp_path: Path
) -> None:
    from pipeline.job_scripts.interface import SCRIPTS

    section = evaluate(packed, prepared / "test", tmp_path / "out", packed)[0]["champion"]
    known = SCRIPTS["evaluate.py"].files["evaluation.json"]["champion"]
    assert section.keys() == known.keys()
    assert section["paired"].keys() == known["paired"].keys()


def test_the_test_pictures_have_a_fingerprint_of_their_own(exam: Exam) -> None:
    """It is of pixels, their order and classes, and not of the rest of the data set."""
    images, labels = np.array(exam.split.images), np.array(exam.split.labels)
    images[0, 0, 0, 0] ^= 1
    labels[-1] = 1 - labels[-1]
    others = [
        replace(exam, split=replace(exam.split, images=images)),
        replace(exam, split=replace(exam.split, labels=labels)),
        replace(exam, classes=exam.classes[::-1]),
    ]
    own = exam.test_fingerprint()
    assert replace(exam, fingerprint="other").test_fingerprint() == own
    assert len({own, *(other.test_fingerprint() for other in others)}) == 4
