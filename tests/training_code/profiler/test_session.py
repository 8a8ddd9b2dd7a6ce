"""The profiler on real trainings: its files, what it finds, and that it never costs a training."""

import csv
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from debugger.session import Debugger
from hyperparameters import Hyperparameters
from learning.training_loop import ClassificationLoss, Phase, fit, make_optimizer
from network import Head
from profiler.session import Profiler, open_profiler
from profiler.steps import PARTS, HostClock
from profiler.system import SystemSampler

Train = Callable[..., Any]
Files = tuple[dict[str, Any], list[dict[str, str]], list[dict[str, str]]]


def files_of(output: Path) -> Files:
    """profile.json, and the rows of system.csv and steps.csv."""
    folder = output / "profile"
    rows = [
        list(csv.DictReader((folder / f"{name}.csv").open(newline="")))
        for name in ("system", "steps")
    ]
    return json.loads((folder / "profile.json").read_text()), rows[0], rows[1]


@pytest.fixture(scope="module")
def profiled(train: Train, prepared: Path) -> Any:
    return train(
        profile=True,
        epochs=3,
        dataset=prepared / "dataset",
        fine_tune_blocks=1,
        fine_tune_epochs=2,
    )


def test_a_training_of_two_phases_leaves_where_its_time_went(profiled: Any) -> None:
    profile, system, steps = files_of(profiled.output)
    head, fine = profile["phases"]
    assert (head["name"], head["steps"]) == ("head", 9)  # 36 pictures in batches of 16
    assert (fine["name"], fine["steps"]) == ("fine_tuning", 6)
    for phase in (head, fine):
        assert tuple(phase["seconds"]) == PARTS
        assert all(seconds >= 0 for seconds in phase["seconds"].values())
        assert phase["seconds"]["forward"] > 0 < phase["seconds"]["backward"]
        assert phase["seconds"]["hook"] == 0  # there is none
        assert sum(phase["seconds"].values()) <= phase["wall_seconds"]
        spread = phase["step_seconds"]
        assert spread["p50"] <= spread["p95"] <= spread["p99"] <= spread["max"]
    assert [row["phase"] for row in steps] == ["head"] * 9 + ["fine_tuning"] * 6
    for part in PARTS:
        table = sum(float(row[part]) for row in steps if row["phase"] == "head")
        assert table == pytest.approx(head["seconds"][part], abs=1e-4)
    found = profile["system"]
    assert found["cpu_percent"]["max"] > 0
    assert found["memory_bytes"]["max"] == max(int(row["memory_bytes"]) for row in system)
    assert found["gpu"] is None or found["gpu"]["percent"]["max"] >= 0
    assert profile["overhead_seconds"] > 0


def test_profiling_changes_nothing_in_the_training(train: Train) -> None:
    plain, profiled = (train(epochs=2, graph="none", profile=on) for on in (False, True))
    assert plain.log == profiled.log
    name = "model.safetensors"
    assert (plain.model / name).read_bytes() == (profiled.model / name).read_bytes()
    assert not (plain.output / "profile").exists()


class Clock(HostClock):
    """A clock that goes on only when it is told to."""

    def __init__(self) -> None:
        self.begin = time.monotonic()
        self.passed = 0.0

    def now(self) -> float:
        return self.passed

    def monotonic(self) -> float:
        return self.begin + self.passed

    def spend(self, seconds: float) -> None:
        self.passed += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What the profiler measures by."""
    told = Clock()
    monkeypatch.setattr("profiler.session.HostClock", lambda: told)
    monkeypatch.setattr("profiler.session.time", told)
    return told


def learn(
    folder: Path,
    clock: Clock,
    *,
    wait: float = 0.0,
    work: float = 0.0,
    hook_share: float = 0.0,
    batches: int = 30,
) -> Files:
    """Trains a head for two epochs whose batches take `wait` and whose network takes `work`."""
    head = Head(4, 4)
    settings = Hyperparameters(lr=0.1, optimizer="SGD")
    groups: list[dict[str, object]] = [{"params": list(head.parameters()), "lr": 0.1}]
    optimizer, schedule = make_optimizer(settings, groups, 2 * batches)

    def train_batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        for _ in range(batches):
            clock.spend(wait)
            yield torch.randn(8, 4), torch.arange(8) % 4

    head.register_forward_hook(lambda *_: clock.spend(work if head.training else 0))
    profiler = open_profiler(True, lambda: clock.passed * hook_share)
    phase = Phase(
        network=head,
        optimizer=optimizer,
        schedule=schedule,
        criterion=ClassificationLoss(),
        train_batches=train_batches,
        valid_batches=lambda: [(torch.randn(8, 4), torch.arange(8) % 4)],
        set_training=head.train,
        lr_name="lr",
    )
    fit(phase, range(1, 3), None, Debugger(), profiler)
    profiler.write(folder, batch_size=8)
    return files_of(folder)


def found(files: Files) -> dict[str, dict[str, Any]]:
    return {each["rule"]: each for each in files[0]["findings"]}


def test_slow_batches_are_found_and_a_slow_network_is_not_blamed_on_them(
    tmp_path: Path, clock: Clock
) -> None:
    slow = learn(tmp_path / "slow", clock, wait=0.08, work=0.02)
    finding = found(slow)["DataLoaderBottleneck"]
    assert finding["numbers"]["data_share"] == pytest.approx(0.8)
    assert finding["numbers"]["data_seconds"] == pytest.approx(60 * 0.08)
    assert slow[0]["phases"][0]["wall_seconds"] == pytest.approx(60 * 0.1)
    assert "waiting for batches" in finding["message"]
    assert "cores" in finding["advice"]
    twin = learn(tmp_path / "twin", clock, wait=0.005, work=0.02)
    assert "DataLoaderBottleneck" not in found(twin)


def test_what_debugging_costs_is_taken_out_of_the_other_parts(tmp_path: Path, clock: Clock) -> None:
    files = learn(tmp_path, clock, work=0.02, hook_share=0.5)
    seconds = files[0]["phases"][0]["seconds"]
    assert seconds["hook"] == seconds["forward"] == pytest.approx(60 * 0.01)
    assert "save_interval" in found(files)["HookCost"]["advice"]


def test_a_short_training_is_told_nothing(tmp_path: Path, clock: Clock) -> None:
    assert found(learn(tmp_path, clock, wait=0.08, batches=9)) == {}
    assert found(learn(tmp_path, clock, wait=0.08, batches=10)) != {}


def test_a_profiler_that_fails_is_told_once_and_training_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    sampler = SystemSampler(interval_s=0.01)
    sampler.start()
    profiler = Profiler(sampler)
    profiler.write(tmp_path / "file", batch_size=1)
    assert capsys.readouterr().out.count("warning: no profile: ") == 1
    profiler.write(tmp_path / "file", batch_size=1)
    assert capsys.readouterr().out == ""

    def broken(*_: object) -> None:
        raise OSError("no counters here")

    monkeypatch.setattr("psutil.cpu_times", broken)
    off = open_profiler(True)
    assert "warning: profiling is off: OSError: no counters here" in capsys.readouterr().out
    assert list(off.batches([1, 2])) == [1, 2]
    off.write(tmp_path, batch_size=1)
    assert not (tmp_path / "profile").exists()


def test_a_counter_that_breaks_later_ends_the_profile_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    profiler = open_profiler(True)
    monkeypatch.setattr("psutil.net_io_counters", lambda: 1 / 0)
    profiler.write(tmp_path, batch_size=1)
    assert "warning: no profile: ZeroDivisionError" in capsys.readouterr().out


def test_long_jobs_keep_a_bounded_number_of_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("profiler.system._KEPT_SAMPLES", 8)
    sampler = SystemSampler(interval_s=0.001)
    sampler.start()
    while sampler.interval_s < 0.01:
        time.sleep(0.005)
    sampler.stop()
    assert len(sampler.samples) < 8
    seconds = [sample.seconds for sample in sampler.samples]
    assert seconds == sorted(seconds)
