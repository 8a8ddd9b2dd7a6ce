"""A search in parts comes to what one training for each setting comes to."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from job.errors import JobError
from pipeline.job_scripts.metrics import REGEXES, SEARCH_REGEXES
from searching.settings_table import write_table

Train = Callable[..., Any]
SETTINGS = [
    {"lr": "0.01", "batch_size": "16", "optimizer": "AdamW", "label_smoothing": "0.0"},
    {"lr": "0.1", "batch_size": "16", "optimizer": "SGD", "label_smoothing": "0.1"},
    {"lr": "0.003", "batch_size": "8", "optimizer": "Adam", "label_smoothing": "0.0"},
    {"lr": "0.03", "batch_size": "16", "optimizer": "AdamW", "label_smoothing": "0.2"},
]
TABLE = write_table(SETTINGS)
KEPT = re.compile(r"kept epoch[ =](\d+)")


@pytest.fixture(scope="module")
def part(train: Train) -> Any:
    """A job that searches all of them."""
    return train(part="1-4", settings=TABLE, export=False)


def results(job: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((job.output / "settings.json").read_text())["settings"]
    return found


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_each_setting_comes_to_what_it_comes_to_alone(train: Train, part: Any, number: int) -> None:
    alone = train(export=False, **SETTINGS[number - 1])
    rows = list(csv.DictReader((alone.output / "history.csv").open()))
    found = results(part)[number - 1]
    assert found["hyperparameters"] == SETTINGS[number - 1]
    assert [one["epoch"] for one in found["epochs"]] == [1, 2, 3, 4]
    for one, row in zip(found["epochs"], rows, strict=True):
        for name, value in row.items():
            assert one[name] == pytest.approx(float(value), abs=1e-5), (name, one["epoch"])
    mine = next(line for line in part.log.splitlines() if f"setting={number} kept" in line)
    assert KEPT.search(mine)[1] == KEPT.search(alone.log)[1]  # type: ignore[index]


def test_the_best_setting_is_reported_last_and_its_head_kept(train: Train, part: Any) -> None:
    values = [one["value"] for one in results(part)]
    best = values.index(max(values)) + 1
    *_, last = part.log.splitlines()
    assert last.startswith(f"kept_setting={best} setting={best} epoch=4 ")
    for name, regex in (REGEXES | SEARCH_REGEXES).items():
        assert re.search(regex, part.log), name
    assert float(re.findall(REGEXES["best:valid_accuracy"], part.log)[-1]) == pytest.approx(
        max(values), abs=1e-6
    )
    choice = json.loads((part.model / "setting.json").read_text())
    assert choice == {"number": best, "values": SETTINGS[best - 1]}
    alone = load_file(train(export=False, **SETTINGS[best - 1]).model / "head.safetensors")
    kept = load_file(part.model / "head.safetensors")
    for name, value in alone.items():
        torch.testing.assert_close(kept[name], value, atol=1e-5, rtol=1e-4)


def test_a_job_searches_its_part_alone(train: Train) -> None:
    job = train(part="2-3", settings=TABLE, export=False, epochs=1)
    assert [one["number"] for one in results(job)] == [2, 3]


def test_settings_may_learn_for_different_times(train: Train) -> None:
    rows = [{"epochs": "1"}, {"epochs": "3"}, {"epochs": "2"}]
    job = train(part="1-3", settings=write_table(rows), export=False)
    assert [len(one["epochs"]) for one in results(job)] == [1, 3, 2]


def test_a_loss_is_the_better_the_lower_it_is(train: Train) -> None:
    job = train(part="1-4", settings=TABLE, export=False, objective="valid:loss")
    last = [one["epochs"][-1]["valid_loss"] for one in results(job)]
    assert [one["value"] for one in results(job)] == pytest.approx(last)
    choice = json.loads((job.model / "setting.json").read_text())
    assert choice["number"] == last.index(min(last)) + 1


def test_a_setting_that_is_clearly_worse_is_stopped(train: Train) -> None:
    rows = [{"lr": lr} for lr in ("0.003", "0.004", "0.005", "0.000000001")]
    job = train(
        part="1-4",
        settings=write_table(rows),
        export=False,
        stop_early=True,
        objective="best:valid_loss",
    )
    *others, worst = results(job)
    assert worst["status"] == "Stopped" and len(worst["epochs"]) < 4
    assert "Completed" in {one["status"] for one in others}


def test_a_setting_that_fails_does_not_end_the_others(train: Train) -> None:
    rows = [{"lr": "9", "optimizer": "SGD", "weight_decay": "10"}, {"lr": "0.01"}]
    rows[1] |= {"optimizer": "AdamW", "weight_decay": "0"}
    job = train(part="1-2", settings=write_table(rows), export=False, epochs=60)
    failed, good = results(job)
    assert failed["status"] == "Failed" and failed["value"] is None
    assert "the learning rate is too high" in failed["failure"]
    assert good["status"] == "Completed"
    assert json.loads((job.model / "setting.json").read_text())["number"] == 2


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"part": "3-9"}, "part is 3-9; settings has no 5"),
        ({"part": "all"}, "names no settings"),
        ({"part": "1-1", "settings": "lr"}, "is no table of settings"),
        ({"part": "1-1", "settings": "lr:-1"}, "hyperparameter lr is -1.0; it must be above 0"),
        ({"objective": "train:loss"}, "hyperparameter objective is train:loss; it must be one of"),
    ],
)
def test_what_cannot_be_searched_is_refused(
    train: Train, told: dict[str, str], message: str
) -> None:
    with pytest.raises(JobError, match=re.escape(message)):
        train(**{"part": "1-2", "settings": TABLE, "export": False, **told})


@pytest.fixture
def packed(part: Any, pack: Callable[[Path, Path], Path], tmp_path: Path) -> Path:
    """The channel with the model of the best trial."""
    return pack(part.model, tmp_path / "best")


def test_the_final_training_takes_the_best_setting(
    train: Train, part: Any, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = json.loads((part.model / "setting.json").read_text())
    job = train(settings=TABLE, best=packed, export=False)
    alone = train(export=False, **choice["values"])
    assert job.log.splitlines()[0].startswith(f"kept_setting={choice['number']} of the search: lr=")
    assert job.log.splitlines()[1:] == alone.log.splitlines()


def test_the_best_setting_of_another_search_is_refused(train: Train, packed: Path) -> None:
    with pytest.raises(JobError, match="is of another search"):
        train(settings=write_table([{"lr": "0.5"}]), best=packed, export=False)


def test_a_training_without_the_best_trial_is_refused(train: Train, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="no channel 'best'"):
        train(settings=TABLE, export=False)
    with pytest.raises(JobError, match="does not tell the best setting"):
        train(settings=TABLE, best=tmp_path, export=False)
