"""Saved tensors: what a report shows of them is what the training really did."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from smdebug.core.save_config import SaveConfig
from torch import Tensor, nn

from debugger.guarded_hook import GuardedHook
from pipeline.command_line.documents import json_text
from pipeline.report.sections.tensors import (
    Series,
    find_tensors,
    read_saved,
    read_tensors,
    series_of,
)
from pipeline.report.sources.local_source import LocalSource
from pipeline.report.sources.source import Absent
from pipeline.report.sources.tensor_reader import read_all
from tests.pipeline.report.report_support import Finished
from tests.pipeline.schema.schema_support import document

SAVED = (0, 3, 6)
JOB = {"TrainingJobName": "job"}
LAST = "Sequential_2.weight"


@dataclass
class Trained:
    """A folder of tensors, and what was seen in each step."""

    folder: Path
    losses: list[float] = field(default_factory=list)
    gradients: list[Tensor] = field(default_factory=list)
    weights: list[Tensor] = field(default_factory=list)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Seven steps of a small network, every third saved, and a validation after them."""
    done = Trained(tmp_path_factory.mktemp("output") / "debug")
    torch.manual_seed(0)
    network, loss = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)), nn.MSELoss()
    hook = GuardedHook(
        out_dir=str(done.folder),
        save_config=SaveConfig(save_interval=3),
        include_collections=["losses", "weights", "gradients"],
    )
    hook.register_module(network)
    hook.register_loss(loss)
    hook.use_mode("TRAIN")
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(7):
        done.weights.append(network[2].weight.detach().clone())
        error = loss(network(torch.randn(5, 4)), torch.randn(5, 2))
        optimizer.zero_grad()
        error.backward()
        done.losses.append(float(error))
        done.gradients.append(network[2].weight.grad.clone())
        optimizer.step()
    hook.use_mode("EVAL")
    with torch.no_grad():
        loss(network(torch.randn(5, 4)), torch.randn(5, 2))
    hook.close()
    return done


def _named(series: tuple[Series, ...], name: str) -> Series:
    (found,) = [line for line in series if line.name == name]
    return found


def test_norms_ratios_and_losses_are_the_trainings_own(
    trained: Trained, finished: Finished
) -> None:
    found = read_tensors(LocalSource(finished.store), JOB, trained.folder.parent)
    gradients = _named(found.gradient_norms, LAST)
    assert gradients.steps == SAVED
    norms = [float(trained.gradients[step].norm()) for step in SAVED]
    assert gradients.values == pytest.approx(norms, rel=1e-5)
    updates = _named(found.update_ratios, LAST)
    pairs = [(trained.weights[a], trained.weights[b]) for a, b in ((0, 3), (3, 6))]
    ratios = [float((after - before).norm() / 3 / before.norm()) for before, after in pairs]
    assert updates.steps == (3, 6)
    assert updates.values == pytest.approx(ratios, rel=1e-4)
    losses = _named(found.losses, "MSELoss_output_0 (TRAIN)")
    assert losses.values == pytest.approx([trained.losses[step] for step in SAVED], rel=1e-5)
    assert _named(found.losses, "MSELoss_output_0 (EVAL)").steps == (7,)
    assert found.note == ""


def test_of_a_trial_that_is_too_large_fewer_steps_are_read(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMDEBUG_TRAINING_END_DELAY_REFRESH", "0")
    size = sum(file.stat().st_size for file in (trained.folder / "events").rglob("*.tfevents"))
    found = read_all(trained.folder, budget=size // 2 + 1)
    updates = _named(series_of(found["update_ratios"]), LAST)
    before, after = trained.weights[0], trained.weights[6]
    assert updates.steps == (6,)
    assert updates.values[0] == pytest.approx(float((after - before).norm() / 6 / before.norm()))
    assert "every 2. saved step" in found["note"]


def test_one_tensor_is_read_with_its_extremes(trained: Trained) -> None:
    saved = read_saved(trained.folder, f"gradient/{LAST}")
    found = document("report tensors", json_text(saved))
    series = series_of(found["series"])
    for name, figure in (("min (TRAIN)", torch.min), ("max (TRAIN)", torch.max)):
        expected = [float(figure(trained.gradients[step])) for step in SAVED]
        assert _named(series, name).values == pytest.approx(expected, rel=1e-5)


def test_every_tensor_is_listed_with_its_collection(trained: Trained) -> None:
    saved = document("report tensors", json_text(read_saved(trained.folder)))
    found = {one["name"]: one for one in saved["tensors"]}
    assert found[LAST] | {"modes": []} == {
        "name": LAST,
        "collections": ["weights"],
        "steps": 4,
        "modes": [],
        "shape": [2, 3],
    }
    assert found[f"gradient/{LAST}"]["collections"] == ["gradients"]


def test_a_training_without_tensors_says_why(finished: Finished, tmp_path: Path) -> None:
    source = LocalSource(finished.store)
    with pytest.raises(Absent, match="no tensors were saved"):
        find_tensors(source, JOB, tmp_path)
    hook = {"DebugHookConfig": {"S3OutputPath": "s3://bucket/debugger"}}
    with pytest.raises(Absent, match="s3://bucket/debugger/job/debug-output is not there"):
        find_tensors(source, JOB | hook, tmp_path)


def test_damaged_tensors_are_one_line(trained: Trained, tmp_path: Path) -> None:
    collections = tmp_path / "collections" / "000000000"
    collections.mkdir(parents=True)
    (collections / "worker_0_collections.json").write_text("{")
    with pytest.raises(Absent, match=r"cannot be read: .*Error"):
        read_saved(tmp_path)
