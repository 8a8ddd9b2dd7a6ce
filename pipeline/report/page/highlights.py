"""Pick the few lines of a report that a person should read first, the worst first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipeline.report.contents import RunReport
from pipeline.report.page.formatting import number, percent, plural, rule_message
from pipeline.report.section import Section, Value
from pipeline.report.sections.dataset import SECTION as DATASET
from pipeline.report.sections.dataset import Dataset
from pipeline.report.sections.evaluation import SECTION as EVALUATION
from pipeline.report.sections.evaluation import Evaluation
from pipeline.report.sections.history import SECTION as HISTORY
from pipeline.report.sections.history import History
from pipeline.report.sections.profile import SECTION as PROFILE
from pipeline.report.sections.profile import Profile
from pipeline.report.sections.rules import SECTION as RULES
from pipeline.report.sections.rules import Rule, Rules
from pipeline.report.sections.steps import SECTION as STEPS
from pipeline.report.sections.tuning import SECTION as TUNING
from pipeline.report.sections.tuning import Tuning

BAD, CHECK = "bad", "check"
_ORDER = (BAD, CHECK)
_WIDE_GAP = 0.1
_NOTABLE_CALIBRATION_ERROR = 0.1
_ENOUGH_PICTURES = 100  # with fewer, bins of a few answers are off by chance
_CONFUSED = 3


@dataclass(frozen=True)
class Note:
    """A line on top of the report. `level`: bad or check; `section`: id of the part with more."""

    level: str
    text: str
    section: str


def notes(report: RunReport) -> list[Note]:
    """Return what is wrong or needs a look, the worst first; empty when nothing does."""
    found = [
        *_of_steps(report),
        *_of(report, RULES, _of_rules),
        *_of(report, EVALUATION, _of_evaluation),
        *_of(report, HISTORY, _of_history),
        *_of(report, DATASET, _of_dataset),
        *_of(report, PROFILE, _of_profile),
        *_of(report, TUNING, _of_tuning),
    ]
    return sorted(found, key=lambda note: _ORDER.index(note.level))


def _of(
    report: RunReport, section: Section[Value], section_notes: Callable[[Value], Iterator[Note]]
) -> Iterator[Note]:
    value = report.get(section)
    return iter(()) if value is None else section_notes(value)


def _of_steps(report: RunReport) -> Iterator[Note]:
    for step in report.get(STEPS) or ():
        if step.status in ("Failed", "Stopped") and step.type != "Fail":
            reason = f": {_first_line(step.failure)}" if step.failure else ""
            yield Note(BAD, f"{step.name} {step.status.lower()}{reason}", "steps")
        elif step.type == "Fail" and step.status == "Failed":
            reason = _first_line(step.failure or report.run.failure or "the gate was not passed")
            yield Note(BAD, f"{step.name}: {reason}", "steps")


def _of_rules(rules: Rules) -> Iterator[Note]:
    if rules.stopped_by:
        yield Note(BAD, f"{rules.stopped_by} stopped the training", "rules")
    if rules.lost:
        yield Note(CHECK, f"Debugging was lost: {_first_line(rules.lost)}", "rules")
    for rule in rules.rules:
        if rule.status == "IssuesFound":
            known = rule.step is None or f"at step {rule.step}" in rule.message
            at = "" if known else f" at step {rule.step}"
            yield Note(CHECK, f"{rule.name} found an issue{at}{_reason(rule)}", "rules")
        elif rule.status == "Error":
            yield Note(CHECK, f"{rule.name} could not judge{_reason(rule)}", "rules")


def _reason(rule: Rule) -> str:
    return f": {_first_line(rule_message(rule.message))}" if rule.message else ""


def _of_evaluation(evaluation: Evaluation) -> Iterator[Note]:
    accuracy, threshold = evaluation.accuracy, evaluation.threshold
    if threshold is not None and accuracy < threshold:
        text = f"Test accuracy {percent(accuracy)} is below the gate's {percent(threshold)}"
        yield Note(BAD, text, "test")
    elif threshold is not None and evaluation.low < threshold:
        text = (
            f"Test accuracy {percent(accuracy)} passes {percent(threshold)}, but may be as low as "
            f"{percent(evaluation.low)}: {plural(evaluation.pictures, 'test picture')}"
        )
        yield Note(CHECK, text, "test")
    never = [one.name for one in evaluation.classes if one.support and one.recall == 0]
    if never:
        names = ", ".join(never[:3]) + (", …" if len(never) > 3 else "")
        yield Note(CHECK, f"{plural(len(never), 'class', 'classes')} never right: {names}", "test")
    error = evaluation.calibration_error
    enough = evaluation.pictures >= _ENOUGH_PICTURES
    if enough and error is not None and error > _NOTABLE_CALIBRATION_ERROR:
        text = f"Its confidence is off by {percent(error)} on average: do not read it as a chance"
        yield Note(CHECK, text, "test")
    for pair in evaluation.confused_pairs[:1]:
        if pair.count >= _CONFUSED:
            text = f"{pair.actual} was taken for {pair.predicted} {pair.count} times"
            yield Note(CHECK, text, "test")


def _of_history(history: History) -> Iterator[Note]:
    epochs, best = history.epochs, history.best_epoch
    losses = [value for epoch in epochs for value in (epoch.train_loss, epoch.valid_loss)]
    if any(value != value or value == float("inf") for value in losses):  # noqa: PLR0124  NaN
        yield Note(BAD, "The loss became infinite or not a number", "training")
        return
    kept = [epoch for epoch in epochs if epoch.epoch == best] or list(epochs[-1:])
    gap = kept[-1].train_accuracy - kept[-1].valid_accuracy if kept else 0.0
    if gap > _WIDE_GAP:
        text = f"Training accuracy is {100 * gap:.0f} points above validation: it learns by heart"
        yield Note(CHECK, text, "training")


def _of_dataset(dataset: Dataset) -> Iterator[Note]:
    copies = dataset.duplicates + dataset.same_pixels
    across = [one for one in copies if len(set(one.splits)) > 1]
    if across:
        text = f"{plural(len(across), 'picture')} in more than one split: the test is too easy"
        yield Note(CHECK, text, "dataset")
    torn = [one for one in copies if len(set(one.classes)) > 1]
    if torn:
        yield Note(CHECK, f"{plural(len(torn), 'picture')} in more than one class", "dataset")
    alike = sum(len(one.files) for one in dataset.same_pixels)
    if alike:
        text = f"{plural(alike, 'picture')} of the same pixels as another, in files that differ"
        yield Note(CHECK, text, "dataset")
    for remark in dataset.remarks:
        yield Note(CHECK, f"{plural(remark.count, 'picture')}: {remark.text}", "dataset")
    if dataset.refused:
        text = f"{plural(len(dataset.refused), 'file')} refused as pictures"
        yield Note(CHECK, text, "dataset")


def _of_profile(profile: Profile) -> Iterator[Note]:
    for finding in profile.findings:
        if finding.severity == "warning":
            yield Note(CHECK, f"{finding.message}: {finding.advice}", "profile")


def _of_tuning(tuning: Tuning) -> Iterator[Note]:
    failed = [trial for trial in tuning.trials if trial.status == "Failed"]
    if failed:
        text = f"{plural(len(failed), 'trial')} of {len(tuning.trials)} failed"
        yield Note(CHECK, text, "tuning")
    values = [trial.value for trial in tuning.trials if trial.value is not None]
    if len(values) > 1 and len(set(values)) == 1:
        text = f"Every trial came to {number(values[0])}: the tuning had nothing to choose from"
        yield Note(CHECK, text, "tuning")


def _first_line(text: str, longest: int = 200) -> str:
    line = text.strip().splitlines()[0] if text.strip() else ""
    return line if len(line) <= longest else line[: longest - 1] + "…"
