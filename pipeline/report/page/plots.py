"""Draw the plots that a report has data for, each with a description for screen readers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from pipeline.report.contents import RunReport
from pipeline.report.page import dull, plots_quality, plots_training, plots_tuning
from pipeline.report.page.class_order import FEW_CLASSES
from pipeline.report.page.figures import arrange, as_svg, house_style, save_png
from pipeline.report.page.formatting import number, percent, plural
from pipeline.report.sections.dataset import SECTION as DATASET
from pipeline.report.sections.evaluation import SECTION as EVALUATION
from pipeline.report.sections.evaluation import Evaluation
from pipeline.report.sections.history import SECTION as HISTORY
from pipeline.report.sections.history import History
from pipeline.report.sections.profile import SECTION as PROFILE
from pipeline.report.sections.profile import Profile
from pipeline.report.sections.tensors import SECTION as TENSORS
from pipeline.report.sections.tensors import Series, Tensors
from pipeline.report.sections.tuning import SECTION as TUNING
from pipeline.report.sections.tuning import Tuning


@dataclass(frozen=True)
class Plot:
    """A drawn plot: `words` describe it, `svg` is markup safe to insert, `file` the PNG's path.

    One that would say nothing is not drawn: `words` say why, and `svg` and `file` are empty.
    """

    name: str
    words: str
    svg: str = ""
    file: str = ""


@dataclass(frozen=True)
class _PlannedPlot:
    """A plot to draw; `nothing`: why it would say nothing, "" when it says something."""

    name: str
    words: str
    draw: Callable[[], Figure]
    nothing: str = ""


def draw_plots(report: RunReport, folder: Path) -> dict[str, Plot]:
    """Draw the plots the report has data for: PNGs into `folder`/plots, and by name for the page.

    One that would say nothing is left out, with the reason. PNGs of an earlier rendering are
    removed. Raises OSError when the folder cannot be written to.
    """
    place = folder / "plots"
    place.mkdir(parents=True, exist_ok=True)
    for old in place.glob("*.png"):
        old.unlink()
    drawn = (_draw(planned, place) for planned in _planned(report))
    return {plot.name: plot for plot in drawn}


def draw_series(series: Sequence[Series], title: str, y_label: str, path: Path) -> Path:
    """Save a plot of some tensors over the training steps as a PNG; return its path."""
    with house_style():
        return save_png(plots_training.draw_series(series, title, y_label), path)


def _draw(planned: _PlannedPlot, place: Path) -> Plot:
    if planned.nothing:
        return Plot(planned.name, planned.nothing)
    with house_style(planned.name):
        figure = planned.draw()
        path = save_png(arrange(figure), place / f"{planned.name}.png")
        return Plot(planned.name, planned.words, as_svg(figure), f"plots/{path.name}")


def _planned(report: RunReport) -> Iterator[_PlannedPlot]:
    if (tuning := report.get(TUNING)) and tuning.trials:
        yield from _of_tuning(tuning)
    if history := report.get(HISTORY):
        yield from _of_history(history)
    if tensors := report.get(TENSORS):
        yield from _of_tensors(tensors)
    if profile := report.get(PROFILE):
        yield from _of_profile(profile)
    if evaluation := report.get(EVALUATION):
        yield from _of_evaluation(evaluation)
    if (dataset := report.get(DATASET)) and dataset.classes:
        words = f"Pictures of each of {len(dataset.classes)} classes, by split"
        draw = partial(plots_quality.draw_counts, dataset)
        yield _PlannedPlot("dataset", words, draw, dull.counts(dataset))


def _of_tuning(tuning: Tuning) -> Iterator[_PlannedPlot]:
    values = [trial.value for trial in tuning.trials if trial.value is not None]
    best = number(max(values) if tuning.maximize else min(values)) if values else "none"
    words = f"{tuning.objective} of {len(tuning.trials)} trials in order; the best is {best}"
    draw_trials = partial(plots_tuning.draw_trials, tuning)
    yield _PlannedPlot("tuning_trials", words, draw_trials, dull.trials(tuning))
    if tuning.importance:
        importances = ", ".join(f"{one.name} {percent(one.share, 0)}" for one in tuning.importance)
        words = f"Importance of each hyperparameter: {importances}"
        draw = partial(plots_tuning.draw_importance, tuning)
        yield _PlannedPlot("tuning_importance", words, draw, dull.importance(tuning))
    if not dull.trials(tuning):
        words = f"{tuning.objective} against the value of each hyperparameter"
        draw_all = partial(plots_tuning.draw_hyperparameters, tuning)
        yield _PlannedPlot("tuning_hyperparameters", words, draw_all, dull.hyperparameters(tuning))


def _of_history(found: History) -> Iterator[_PlannedPlot]:
    history, best = found.epochs, found.best_epoch
    first, last = history[0], history[-1]
    words = (
        f"Loss over {len(history)} epochs: train from {number(first.train_loss)} to "
        f"{number(last.train_loss)}, validation from {number(first.valid_loss)} to "
        f"{number(last.valid_loss)}"
    )
    draw = partial(plots_training.draw_losses, history, best)
    yield _PlannedPlot("history_loss", words, draw, dull.epochs(history, "loss"))
    words = (
        f"Accuracy over {len(history)} epochs: train from {percent(first.train_accuracy)} to "
        f"{percent(last.train_accuracy)}, validation from {percent(first.valid_accuracy)} to "
        f"{percent(last.valid_accuracy)}"
    )
    draw = partial(plots_training.draw_accuracies, history, best)
    if len(history) > 1:  # of one epoch, one line is enough
        yield _PlannedPlot("history_accuracy", words, draw, dull.epochs(history, "accuracy"))


def _of_tensors(tensors: Tensors) -> Iterator[_PlannedPlot]:
    if tensors.losses:
        title = "Loss as Debugger saved it"
        losses = sorted(tensors.losses, key=lambda one: "TRAIN" not in one.name)
        draw = partial(plots_training.draw_series, losses, title, "")
        yield _PlannedPlot("tensors_losses", title, draw, dull.series(title, losses))
    gradients, updates = tensors.gradient_norms, tensors.update_ratios
    if gradients:
        title = "Gradient norms"
        draw = partial(plots_training.draw_layers, gradients, title)
        words, nothing = _layers_words(title, gradients), dull.series(title, gradients)
        yield _PlannedPlot("tensors_gradients", words, draw, nothing)
    if updates:
        title, usual = "Update by weight, a step", plots_training.USUAL_UPDATE
        draw = partial(plots_training.draw_layers, updates, title, usual)
        words, nothing = _layers_words(title, updates), dull.series(title, updates)
        yield _PlannedPlot("tensors_updates", words, draw, nothing)


def _layers_words(title: str, series: Sequence[Series]) -> str:
    return f"{title}: {plural(len(series), 'tensor')} over the saved steps"


def _of_profile(profile: Profile) -> Iterator[_PlannedPlot]:
    if profile.phases:
        words = "Share of each part of a training step: the same figures as in the table"
        yield _PlannedPlot("profile_steps", words, lambda: plots_training.draw_step_time(profile))
    words = "Load of the machine and memory while the training ran"
    draw = partial(plots_training.draw_system, profile)
    yield _PlannedPlot("profile_system", words, draw, dull.samples(profile))


def _of_evaluation(evaluation: Evaluation) -> Iterator[_PlannedPlot]:
    count = len(evaluation.classes)
    if evaluation.confusion:
        words = f"Confusion of {count} classes: the same counts as in the table"
        draw = partial(plots_quality.draw_confusion, evaluation)
        yield _PlannedPlot("confusion", words, draw, dull.confusion(evaluation))
    if any(one.count for one in evaluation.calibration):
        words = "How often answers are right, by confidence: the same figures as in the table"
        draw = partial(plots_quality.draw_calibration, evaluation)
        yield _PlannedPlot("calibration", words, draw, dull.calibration(evaluation))
    if (coverage := evaluation.coverage) and coverage.points:
        words = f"Accuracy by the share that is answered: it {coverage.summary}"
        draw = partial(plots_quality.draw_coverage, evaluation, coverage)
        yield _PlannedPlot("coverage", words, draw, dull.coverage(coverage))
    if count > FEW_CLASSES:
        words = "How many classes have which share of their pictures right"
        draw = partial(plots_quality.draw_recalls, evaluation)
        yield _PlannedPlot("recalls", words, draw, dull.recalls(evaluation))
