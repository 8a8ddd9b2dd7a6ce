"""Evaluate says why the worst mistakes were made, where the model can."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from evaluate import main
from pictures.dataset import open_split

Pack = Callable[[Path, Path], Path]


@pytest.fixture(scope="module")
def unsure(
    extract: Callable[..., Path],
    train: Callable[..., Any],
    pack: Pack,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A packed model that has learned next to nothing, with a map of 2 x 2 places."""
    model = train(features=extract(crop=40), examples=100, epochs=1, lr=1e-9).model
    return pack(model, tmp_path_factory.mktemp("packed"))


def evaluated(model: Path, test: Path, out: Path) -> list[dict[str, Any]]:
    """Evaluate a packed model; returns the wrong answers."""
    main(["--model", str(model), "--test", str(test), "--evaluation", str(out)])
    rows = map(json.loads, (out / "predictions.jsonl").read_text().splitlines())
    return [row for row in rows if row["label"] != row["prediction"]]


def test_the_surest_mistakes_are_explained_surest_first(
    unsure: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evaluation.explained_mistakes.MOST", 2)
    wrong = evaluated(unsure, prepared / "test", tmp_path)
    surest = sorted(wrong, key=lambda row: (-max(row["probabilities"]), row["file"]))[:2]
    lines = (tmp_path / "explanations.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    assert [one["file"] for one in found] == [row["file"] for row in surest]
    of_training = set(open_split(prepared / "dataset", "train").files)
    for one in found:
        heat = Image.open(io.BytesIO(base64.b64decode(one["heat"])))
        assert heat.width == heat.height  # it lies over the prepared square
        assert len(one["looks_like"]) == 3
        assert {example["file"] for example in one["looks_like"]} <= of_training


def test_a_model_that_cannot_say_why_is_evaluated_as_before(
    trained: Any, pack: Pack, prepared: Path, tmp_path: Path
) -> None:
    evaluated(pack(trained.model, tmp_path / "packed"), prepared / "test", tmp_path)
    assert not (tmp_path / "explanations.jsonl").exists()  # its map has one place only
