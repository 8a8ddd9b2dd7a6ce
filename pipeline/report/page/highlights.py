"""Pick the few lines of a report that a person should read first, the worst first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from pipeline.job_scripts.debugger_rules import rule_remedy, rule_settings
from pipeline.report.advice import Adviser, Attempt
from pipeline.report.contents import RunReport
from pipeline.report.gate import RULE_FOUND, chance, unmet
from pipeline.report.page.formatting import number, percent, plural, rule_message
from pipeline.report.section import Section, Value
from pipeline.report.sections.dataset import SECTION as DATASET
from pipeline.report.sections.dataset import Dataset
from pipeline.report.sections.evaluation import SECTION as EVALUATION
from pipeline.report.sections.evaluation import ClassQuality, Evaluation
from pipeline.report.sections.history import SECTION as HISTORY
from pipeline.report.sections.history import History
from pipeline.report.sections.profile import SECTION as PROFILE
from pipeline.report.sections.profile import Profile, ProfileFinding
from pipeline.report.sections.reproduction import SECTION as REPRODUCTION
from pipeline.report.sections.rules import SECTION as RULES
from pipeline.report.sections.rules import Rule, Rules
from pipeline.report.sections.steps import SECTION as STEPS
from pipeline.report.sections.tuning import SECTION as TUNING
from pipeline.report.sections.tuning import Tuning
from pipeline.report.seen import seen_words

BAD, CHECK = "bad", "check"
_ORDER = (BAD, CHECK)
_WIDE_GAP = 0.1
_NOTABLE_CALIBRATION_ERROR = 0.1
_ENOUGH_PICTURES = 100  # with fewer, bins of a few answers are off by chance
_CONFUSED = 3
_FEW = 3  # classes named


@dataclass(frozen=True)
class Note:
    """A line on top of the report. `level`: bad or check; `section`: id of the part with more.

    `attempt`: the command to try. `told`: what the end of a run says in the terminal as well.
    """

    level: str
    text: str
    section: str
    attempt: Attempt
    told: str = ""


NOT_PASSED, WARNING, RULE = "not passed", "warning", "rule"


def notes(report: RunReport) -> list[Note]:
    """Return what is wrong or needs a look, the worst first; empty when nothing does."""
    adviser = adviser_of(report)
    found = [
        *_of_steps(report, adviser),
        *_of(report, RULES, partial(_of_rules, adviser)),
        *_of(report, EVALUATION, partial(_of_evaluation, adviser)),
        *_of(report, HISTORY, partial(_of_history, adviser)),
        *_of(report, DATASET, partial(_of_dataset, adviser, report.get(EVALUATION))),
        *_of(report, PROFILE, partial(_of_profile, adviser)),
        *_of(report, TUNING, partial(_of_tuning, adviser)),
    ]
    return sorted(found, key=lambda note: _ORDER.index(note.level))


def adviser_of(report: RunReport) -> Adviser:
    """Return who knows the run's command; of a run that says none, the plainest."""
    reproduction = report.get(REPRODUCTION)
    return reproduction.adviser if reproduction else Adviser()


def about_rule(adviser: Adviser, name: str) -> Attempt:
    """Return what to try about a debugger rule that fired: the rule itself knows."""
    settings = rule_settings(name)
    return adviser.advise((settings,) if settings else (), rule_remedy(name))


def _of(
    report: RunReport, section: Section[Value], section_notes: Callable[[Value], Iterator[Note]]
) -> Iterator[Note]:
    value = report.get(section)
    return iter(()) if value is None else section_notes(value)


def _of_steps(report: RunReport, adviser: Adviser) -> Iterator[Note]:
    for step in report.get(STEPS) or ():
        if step.status in ("Failed", "Stopped") and step.type != "Fail":
            reason = f": {_first_line(step.failure)}" if step.failure else ""
            text = f"{step.name} {step.status.lower()}{reason}"
            yield Note(BAD, text, "steps", adviser.about("step failed"))
        elif step.type == "Fail" and step.status == "Failed" and not _unmet_of(report):
            reason = _first_line(step.failure or report.run.failure or "the gate was not passed")
            yield Note(BAD, f"{step.name}: {reason}", "steps", adviser.about("accuracy too low"))


def _unmet_of(report: RunReport) -> bool:
    evaluation = report.get(EVALUATION)
    return bool(evaluation and unmet(evaluation.gate, evaluation.right, evaluation.pictures))


def _of_rules(adviser: Adviser, rules: Rules) -> Iterator[Note]:
    if rules.stopped_by:
        text = f"{rules.stopped_by} stopped the training"
        yield Note(BAD, text, "rules", about_rule(adviser, rules.stopped_by))
    if rules.lost:
        text = f"Debugging was lost: {_first_line(rules.lost)}"
        yield Note(CHECK, text, "rules", adviser.about("debugging lost"))
    for rule in rules.rules:
        if rule.status == "IssuesFound":
            known = rule.step is None or f"at step {rule.step}" in rule.message
            at = "" if known else f" at step {rule.step}"
            text = f"{rule.name} found an issue{at}{_reason(rule)}"
            yield Note(CHECK, text, "rules", about_rule(adviser, rule.name), RULE)
        elif rule.status == "Error":
            text = f"{rule.name} could not judge{_reason(rule)}"
            yield Note(CHECK, text, "rules", adviser.about("rule could not judge"))


def _reason(rule: Rule) -> str:
    return f": {_first_line(rule_message(rule.message))}" if rule.message else ""


def _of_evaluation(adviser: Adviser, evaluation: Evaluation) -> Iterator[Note]:
    weak = ", ".join(one.name for one in _weakest(evaluation)[:_FEW]) or "each class"
    gate, right, pictures = evaluation.gate, evaluation.right, evaluation.pictures
    for condition in unmet(gate, right, pictures):
        of_rule = condition.finding == RULE_FOUND
        rule = (gate.issues or "").partition(" ")[0]
        attempt = about_rule(adviser, rule) if of_rule else adviser.about(condition.finding, weak)
        yield Note(BAD, condition.text, "test", attempt, NOT_PASSED)
    if few := chance(gate, right, pictures, evaluation.low, evaluation.high):
        attempt = adviser.about("few test pictures")
        yield Note(CHECK, few[:1].upper() + few[1:], "test", attempt, WARNING)
    if evaluation.seen:
        text = seen_words(evaluation.seen, evaluation.pictures, evaluation.accuracy_of_unseen)
        yield Note(CHECK, text, "test", adviser.about("test in train"), WARNING)
    yield from _of_classes(adviser, evaluation)
    error = evaluation.calibration_error
    enough = pictures >= _ENOUGH_PICTURES
    if enough and error is not None and error > _NOTABLE_CALIBRATION_ERROR:
        text = f"Its confidence is off by {percent(error)} on average: do not read it as a chance"
        yield Note(CHECK, text, "test", adviser.about("confidence off"))


def _of_classes(adviser: Adviser, evaluation: Evaluation) -> Iterator[Note]:
    never = [one.name for one in evaluation.classes if one.support and one.recall == 0]
    if never:
        names = ", ".join(never[:_FEW]) + (", …" if len(never) > _FEW else "")
        text = f"{plural(len(never), 'class', 'classes')} never right: {names}"
        yield Note(CHECK, text, "test", adviser.about("class never right", names))
    for pair in evaluation.confused_pairs[:1]:
        if pair.count >= _CONFUSED:
            text = f"{pair.actual} was taken for {pair.predicted} {pair.count} times"
            attempt = adviser.about("classes confused", f"{pair.actual} and {pair.predicted}")
            yield Note(CHECK, text, "test", attempt)


def _weakest(evaluation: Evaluation) -> list[ClassQuality]:
    """Return the classes that miss a picture, those of the lowest recall first."""
    missed = [one for one in evaluation.classes if one.recall is not None and one.recall < 1]
    return sorted(missed, key=lambda one: one.recall or 0.0)


def _of_history(adviser: Adviser, history: History) -> Iterator[Note]:
    epochs, best = history.epochs, history.best_epoch
    losses = [value for epoch in epochs for value in (epoch.train_loss, epoch.valid_loss)]
    if any(value != value or value == float("inf") for value in losses):  # noqa: PLR0124  NaN
        text = "The loss became infinite or not a number"
        yield Note(BAD, text, "training", adviser.about("loss no number"))
        return
    kept = [epoch for epoch in epochs if epoch.epoch == best] or list(epochs[-1:])
    gap = kept[-1].train_accuracy - kept[-1].valid_accuracy if kept else 0.0
    if gap > _WIDE_GAP:
        text = f"Training accuracy is {100 * gap:.0f} points above validation: it learns by heart"
        yield Note(CHECK, text, "training", adviser.about("learned by heart"))


def _of_dataset(
    adviser: Adviser, evaluation: Evaluation | None, dataset: Dataset
) -> Iterator[Note]:
    said = evaluation is not None and evaluation.seen is not None  # of test pictures, above
    copies = dataset.duplicates + dataset.same_pixels
    across = [
        one for one in copies if len(set(one.splits)) > 1 and not (said and "test" in one.splits)
    ]
    if across:
        text = f"{plural(len(across), 'picture')} in more than one split: the test is too easy"
        yield Note(CHECK, text, "dataset", adviser.about("test in train"))
    torn = [one for one in copies if len(set(one.classes)) > 1]
    if torn:
        text = f"{plural(len(torn), 'picture')} in more than one class"
        yield Note(CHECK, text, "dataset", adviser.about("in two classes"))
    alike = sum(len(one.files) for one in dataset.same_pixels)
    if alike:
        text = f"{plural(alike, 'picture')} of the same pixels as another, in files that differ"
        yield Note(CHECK, text, "dataset", adviser.about("same pixels"))
    for remark in dataset.remarks:
        text = f"{plural(remark.count, 'picture')}: {remark.text}"
        yield Note(CHECK, text, "dataset", adviser.about("refused files"))
    if dataset.refused:
        text = f"{plural(len(dataset.refused), 'file')} refused as pictures"
        yield Note(CHECK, text, "dataset", adviser.about("refused files"))


def _of_profile(adviser: Adviser, profile: Profile) -> Iterator[Note]:
    for finding in profile.findings:
        if finding.severity == "warning":
            text = f"{finding.message}: {finding.advice}"
            yield Note(CHECK, text, "profile", about_finding(adviser, finding))


def about_finding(adviser: Adviser, finding: ProfileFinding) -> Attempt:
    """Return what to try about a finding of the profiler: the finding itself knows."""
    return adviser.advise((finding.settings,) if finding.settings else (), "mend that, then")


def _of_tuning(adviser: Adviser, tuning: Tuning) -> Iterator[Note]:
    failed = [trial for trial in tuning.trials if trial.status == "Failed"]
    if failed:
        text = f"{plural(len(failed), 'trial')} of {len(tuning.trials)} failed"
        yield Note(CHECK, text, "tuning", adviser.about("trials failed"))
    values = [trial.value for trial in tuning.trials if trial.value is not None]
    if len(values) > 1 and len(set(values)) == 1:
        text = f"Every trial came to {number(values[0])}: the tuning had nothing to choose from"
        yield Note(CHECK, text, "tuning", adviser.about("trials alike"))


def _first_line(text: str, longest: int = 200) -> str:
    line = text.strip().splitlines()[0] if text.strip() else ""
    return line if len(line) <= longest else line[: longest - 1] + "…"
