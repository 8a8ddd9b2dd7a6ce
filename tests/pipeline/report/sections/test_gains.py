"""What was gained is what was measured: nothing is said of defaults that no trial had."""

import pytest

from pipeline.comparing.chosen import Chosen
from pipeline.report.sections.gains import fine_tuning_gain, tuning_gain
from pipeline.report.sections.history import Epoch
from pipeline.report.sections.tuning import Trial, Tuning

DEFAULTS = Chosen({"training.lr": "0.0003", "training.optimizer": "AdamW"})


def tuning(*trials: tuple[str, str, float | None], maximize: bool = True) -> Tuning:
    found = tuple(
        Trial(number, f"t{number}", "Completed", {"lr": lr, "optimizer": optimizer}, value)
        for number, (lr, optimizer, value) in enumerate(trials, start=1)
    )
    return Tuning("tune", "valid:accuracy", maximize, "Random", found)


@pytest.mark.parametrize(("maximize", "best", "gained"), [(True, 0.9, 0.2), (False, 0.5, 0.2)])
def test_a_trial_with_the_defaults_is_what_the_best_is_measured_by(
    maximize: bool, best: float, gained: float
) -> None:
    trials = (("0.01", "SGD", 0.9), ("3e-4", "AdamW", 0.7), ("0.001", "SGD", 0.5))
    found = tuning_gain(tuning(*trials, maximize=maximize), DEFAULTS)
    assert found is not None
    assert (found.default_trial, found.default, found.best) == (2, 0.7, best)
    assert found.gained == pytest.approx(gained)


@pytest.mark.parametrize(
    ("trial", "defaults", "known"),
    [
        (("0.0003", "SGD", 0.7), DEFAULTS, 2),  # one of two is another
        (("0.0003", "AdamW", None), DEFAULTS, 2),  # it failed
        (("0.0003", "AdamW", 0.7), Chosen({"training.lr": "0.0003"}), 0),
        (("0.0003", "AdamW", 0.7), None, 0),
    ],
)
def test_without_such_a_trial_nothing_is_gained_nor_lost(
    trial: tuple[str, str, float | None], defaults: Chosen | None, known: int
) -> None:
    found = tuning_gain(tuning(trial, ("0.1", "SGD", 0.8)), defaults)
    assert found is not None
    assert (found.gained, found.default_trial, len(found.defaults)) == (None, None, known)
    assert found.best == 0.8


def test_of_a_tuning_without_results_nothing_is_said() -> None:
    assert tuning_gain(tuning(("0.1", "SGD", None)), DEFAULTS) is None


def epochs(*accuracies: float, phases: tuple[str | None, ...] = ()) -> list[Epoch]:
    return [
        Epoch(n, 1.0, 0.9, 1.0 - accuracy, accuracy, phases[n - 1] if phases else None)
        for n, accuracy in enumerate(accuracies, start=1)
    ]


@pytest.mark.parametrize(
    ("history", "head_epochs"),
    [
        (epochs(0.5, 0.7, 0.6, 0.75, 0.8), 3),
        (epochs(0.5, 0.7, 0.6, 0.75, 0.8, phases=("head",) * 3 + ("fine_tuning",) * 2), None),
    ],
)
def test_fine_tuning_is_measured_by_the_heads_best_epoch(
    history: list[Epoch], head_epochs: int | None
) -> None:
    found = fine_tuning_gain(history, head_epochs, 40)
    assert found is not None
    assert (found.head_epoch, found.epoch, found.kept) == (2, 5, 5)
    assert found.gained == pytest.approx(0.1)


def test_when_it_was_worse_the_heads_epoch_was_kept() -> None:
    found = fine_tuning_gain(epochs(0.5, 0.8, 0.7), 2, None)
    assert found is not None
    assert (found.kept, found.gained) == (2, pytest.approx(-0.1))


@pytest.mark.parametrize("head_epochs", [None, 3, 9])
def test_a_head_alone_is_not_fine_tuned(head_epochs: int | None) -> None:
    assert fine_tuning_gain(epochs(0.5, 0.7, 0.6), head_epochs, None) is None
