"""Fine-tuning: only the last blocks and the head move, and never to something worse."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from extraction.feature_files import read_info
from extraction.runtime import Runtime
from hyperparameters import Hyperparameters
from job.errors import JobError
from learning import activation_cache, fine_tuning
from learning.distributed import Replicas
from learning.fine_tuning import fine_tuning_phase, set_training, unfreeze
from learning.network_cut import cut
from learning.training_loop import ClassificationLoss, Phase, train_one_epoch, validate
from network import Classifier, Head, blocks, build_backbone
from pictures.dataset import open_split
from profiler.session import Profiler

Train = Callable[..., Any]
SMALL = "shufflenet_v2_x0_5"
TUNED = {
    "epochs": 2,
    "fine_tune_blocks": 2,
    "fine_tune_epochs": 3,
    "fine_tune_lr": 0.003,
    "graph": "none",
}


@pytest.fixture
def classifier() -> Classifier:
    return Classifier(build_backbone(SMALL), Head(1024, 3))


@pytest.fixture(scope="module")
def tuned(train: Train, prepared: Path) -> Any:
    return train(dataset=prepared / "dataset", **TUNED)


def test_the_last_blocks_and_the_head_become_trainable(classifier: Classifier) -> None:
    unfrozen = unfreeze(classifier, 2)
    last = [module for block in blocks(classifier.backbone)[-2:] for module in block]
    assert unfrozen == last
    free = {id(p) for p in classifier.parameters() if p.requires_grad}
    expected = [*classifier.head.parameters(), *(p for m in last for p in m.parameters())]
    assert free == {id(p) for p in expected}


def test_batch_norm_keeps_its_statistics_in_training(classifier: Classifier) -> None:
    unfrozen = unfreeze(classifier, 3)
    set_training(classifier, unfrozen, True)
    inside = [module for block in unfrozen for module in block.modules()]
    assert any(isinstance(m, nn.BatchNorm2d) for m in inside)
    assert all(m.training != isinstance(m, nn.BatchNorm2d) for m in inside)
    assert not classifier.backbone.conv1.training
    assert classifier.head.training
    before = {k: v.clone() for k, v in classifier.named_buffers()}
    classifier(torch.randn(4, 3, 32, 32)).sum().backward()
    assert all(torch.equal(value, before[key]) for key, value in classifier.named_buffers())
    set_training(classifier, unfrozen, False)
    assert not any(module.training for module in classifier.modules())


def test_all_blocks_may_be_unfrozen_and_not_one_more(classifier: Classifier) -> None:
    unfreeze(classifier, 18)
    assert all(parameter.requires_grad for parameter in classifier.parameters())
    with pytest.raises(JobError, match="fine_tune_blocks is 19; this backbone has 18 blocks"):
        unfreeze(classifier, 19)


def test_epochs_are_counted_on(tuned: Any) -> None:
    epochs = [int(number) for number in re.findall(r"^epoch=(\d+)", tuned.log, re.MULTILINE)]
    assert epochs == [1, 2, 3, 4, 5]
    assert len((tuned.output / "history.csv").read_text().splitlines()) == 6


def metric_lines(log: str) -> list[str]:
    return [line for line in log.splitlines() if line.startswith("epoch=")]


@pytest.mark.parametrize("views", [0, 1])
def test_only_the_head_and_the_last_blocks_change(
    classifier: Classifier, prepared: Path, features: Path, tmp_path: Path, views: int
) -> None:
    train, valid = (open_split(prepared / "dataset", name) for name in ("train", "valid"))
    phase = fine_tuning_phase(
        classifier,
        ClassificationLoss(),
        train=train,
        valid=valid,
        preprocessing=read_info(features).preprocessing(),
        settings=Hyperparameters(
            fine_tune_blocks=2,
            fine_tune_views=views,
            fine_tune_epochs=1,
            batch_size=16,
            lr=0.5,
            fine_tune_lr=0.002,
        ),
        scratch=tmp_path,
    )
    assert [group["lr"] for group in phase.optimizer.param_groups] == [0.002, 0.05]
    assert (phase.network is classifier) == (views == 0)
    assert sum(len(labels) for _, labels in phase.valid_batches()) == len(valid.labels)
    assert phase.lr_name == "fine_tune_lr"  # of the blocks: the head learns more slowly than before
    before = {key: value.clone() for key, value in classifier.state_dict().items()}
    train_one_epoch(phase, 1, Profiler())
    assert [group["lr"] for group in phase.optimizer.param_groups] == pytest.approx([0, 0])
    assert phase.network.backbone.get_submodule("conv5.0").training
    validate(phase)
    assert not any(module.training for module in phase.network.modules())
    after = classifier.state_dict()
    changed = {key for key, value in before.items() if not torch.equal(value, after[key])}
    assert {"head.linear.weight", "backbone.conv5.0.weight"} <= changed
    moving = ("head.linear.", "backbone.stage4.3.", "backbone.conv5.")
    assert all(key.startswith(moving) for key in changed)


def test_blocks_that_are_ruined_leave_the_model_of_the_head_alone(
    train: Train, trained: Any, prepared: Path
) -> None:
    ruin = {"fine_tune_blocks": 1, "fine_tune_lr": 0.5, "fine_tune_epochs": 1, "graph": "none"}
    result = train(dataset=prepared / "dataset", **ruin)
    lines = [line.split() for line in metric_lines(result.log)]
    assert len(lines) == 5
    assert lines[4][4] < lines[3][6].removeprefix("best_")  # its own accuracy and the best before
    assert result.log.splitlines()[-1] == trained.log.splitlines()[-1]
    first = load_file(trained.model / "model.safetensors")
    second = load_file(result.model / "model.safetensors")
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_the_same_seed_gives_the_same_model(train: Train, prepared: Path, tuned: Any) -> None:
    again = train(dataset=prepared / "dataset", **TUNED)
    assert metric_lines(again.log) == metric_lines(tuned.log)
    name = "model.safetensors"
    assert (again.model / name).read_bytes() == (tuned.model / name).read_bytes()


def test_kept_activations_change_nothing_but_the_time(
    prepared: Path, features: Path, tmp_path: Path
) -> None:
    split = open_split(prepared / "dataset", "train")
    results, seen = [], []
    for views in (0, 2):  # a new view every epoch, and as many kept views as epochs
        classifier = Classifier(build_backbone(SMALL), Head(1024, 3))
        with torch.random.fork_rng():
            torch.manual_seed(0)
            nn.init.normal_(classifier.head.linear.weight, std=0.01)
        settings = Hyperparameters(
            fine_tune_blocks=2, fine_tune_epochs=2, fine_tune_views=views, batch_size=16
        )
        phase = fine_tuning_phase(
            classifier,
            ClassificationLoss(),
            train=split,
            valid=split,
            preprocessing=read_info(features).preprocessing(),
            settings=settings,
            scratch=tmp_path,
        )
        assert (phase.network is classifier) == (views == 0)
        batches = (next(iter(phase.train_batches(5))), next(iter(phase.valid_batches())))
        inputs = [phase.to_device(batch)[0] for batch in batches]
        if views == 0:
            frozen = cut(classifier.backbone, unfreeze(classifier, 2)).frozen
            inputs = [frozen(pictures).detach() for pictures in inputs]
        seen.append(inputs)
        losses = [train_one_epoch(phase, epoch, Profiler())[0] for epoch in (5, 6)]
        results.append(torch.tensor([*losses, *validate(phase)]))
    torch.testing.assert_close(results[0], results[1], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(seen[0], seen[1], rtol=1e-2, atol=1e-6)


@pytest.fixture
def phase_of(
    classifier: Classifier, prepared: Path, features: Path, tmp_path: Path
) -> Callable[..., Phase]:
    """Fine-tuning one block of `classifier` for one epoch, with these hyperparameters."""
    split = open_split(prepared / "dataset", "valid")

    def make(**settings: Any) -> Phase:
        return fine_tuning_phase(
            classifier,
            ClassificationLoss(),
            train=split,
            valid=split,
            preprocessing=read_info(features).preprocessing(),
            settings=Hyperparameters(fine_tune_blocks=1, fine_tune_epochs=1, **settings),
            scratch=tmp_path,
        )

    return make


def test_the_seed_decides_the_views(phase_of: Callable[..., Phase]) -> None:
    def seen(seed: int) -> set[bytes]:
        batches = phase_of(seed=seed, fine_tune_views=0).train_batches(1)
        return {square.numpy().tobytes() for squares, _ in batches for square in squares}

    assert seen(1) == seen(1) != seen(2)


def test_a_gpu_too_small_for_a_batch_of_the_frozen_part_trains_on_pictures(
    phase_of: Callable[..., Phase],
    classifier: Classifier,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(squares: torch.Tensor) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    def small_gpu(backbone: nn.Module, preprocessing: Any, batch_size: int, cores: int) -> Runtime:
        return Runtime("test", 2, batch_size, full)

    monkeypatch.setattr(fine_tuning, "open_runtime", small_gpu)
    assert phase_of(batch_size=16).network is classifier
    assert "are not kept: the GPU has no memory for 2 batches of 16" in capsys.readouterr().out


@pytest.mark.parametrize("largest_share", [0.0, 0.5])
def test_training_has_all_threads_whether_activations_are_kept_or_not(
    phase_of: Callable[..., Phase], monkeypatch: pytest.MonkeyPatch, largest_share: float
) -> None:
    monkeypatch.setattr(activation_cache, "LARGEST_SHARE", largest_share)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        phase_of()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class NextToOneThatCannot(Replicas):
    """Of two processes that both have all pictures, the one whose disk is large enough."""

    count: int = 2

    def own(self, rows: Any) -> Any:
        return rows

    def total(self, values: torch.Tensor) -> torch.Tensor:
        return values


def test_what_one_process_cannot_keep_none_keeps(
    prepared: Path,
    features: Path,
    classifier: Classifier,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    phase = fine_tuning_phase(
        classifier,
        ClassificationLoss(),
        train=open_split(prepared / "dataset", "valid"),
        valid=open_split(prepared / "dataset", "valid"),
        preprocessing=read_info(features).preprocessing(),
        settings=Hyperparameters(fine_tune_blocks=1, fine_tune_epochs=1),
        scratch=tmp_path,
        replicas=NextToOneThatCannot(),
    )
    assert phase.network is classifier
    assert "another process cannot keep" in capsys.readouterr().out


def test_pictures_of_another_data_set_are_refused(
    train: Train, prepared: Path, tmp_path: Path
) -> None:
    text = (prepared / "dataset/dataset.json").read_text()
    (tmp_path / "dataset.json").write_text(
        re.sub(r'"fingerprint": "\w+"', '"fingerprint": "0"', text)
    )
    with pytest.raises(JobError, match="not of the same data"):
        train(dataset=tmp_path, fine_tune_blocks=1)
