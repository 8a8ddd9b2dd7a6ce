"""Say what weighting the classes did to the rarest ones, by what was measured of this run.

Other models are the champion, on the same pictures, and the run before; where neither was measured
nothing is compared.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pipeline.comparing.intervals import wilson_interval
from pipeline.report.section import Inputs, Section
from pipeline.report.sections.before import SECTION as BEFORE
from pipeline.report.sections.before import Before
from pipeline.report.sections.dataset import SECTION as DATASET
from pipeline.report.sections.dataset import Dataset
from pipeline.report.sections.evaluation import SECTION as EVALUATION
from pipeline.report.sections.evaluation import Evaluation
from pipeline.report.sources.facts import EVALUATE
from pipeline.report.sources.source import Absent
from training_code.learning.class_weights import weights_of

_RAREST = 10
_NONE = "none"
_SETTING = "training.class_weights"

Recalls = Mapping[str, float]


@dataclass(frozen=True)
class ClassGroup:
    """Some classes together: the test pictures of them and how many are right (95 % interval)."""

    classes: int
    pictures: int
    right: int
    low: float
    high: float


@dataclass(frozen=True)
class RareClass:
    """A class with few training pictures: what one weighs, and recalls; None: not measured."""

    name: str
    training_pictures: int
    weight: float
    test_pictures: int
    recall: float | None
    champion: float | None = None
    before: float | None = None


@dataclass(frozen=True)
class RareClasses:
    """The weighting of a run, `kind`, and how its rarest classes and all others fare.

    `even`: all classes have as many training pictures, and so the same weight. `champion`: whether
    it was measured. `before` is the run before, if that was measured, `before_kind` its weighting
    where that is known; `other_differences` counts the other settings that differ from its.
    """

    kind: str
    even: bool
    rarest: tuple[RareClass, ...]
    rare: ClassGroup
    others: ClassGroup
    champion: bool = False
    before: str | None = None
    before_kind: str | None = None
    other_differences: int = 0


def rare_classes(
    kind: str,
    dataset: Dataset,
    evaluation: Evaluation,
    champion: Recalls | None = None,
    before: Before | None = None,
) -> RareClasses:
    """Look at the classes with the fewest training pictures: ten, or half of the classes."""
    trained = dataset.counts.get("train", {})
    counts = [trained.get(name, 0) for name in dataset.classes]
    weights = dict(zip(dataset.classes, weights_of(counts, kind) or (), strict=False))
    ordered = sorted(dataset.classes, key=lambda name: (trained.get(name, 0), name))
    chosen = ordered[: max(1, min(_RAREST, len(ordered) // 2))]
    measured = before.comparison.measured if before else None
    earlier = {one.name: one.second for one in measured.classes} if measured else {}
    quality = {one.name: one for one in evaluation.classes}
    rarest = tuple(
        RareClass(
            name,
            trained.get(name, 0),
            weights.get(name, 1.0),
            quality[name].support,
            quality[name].recall,
            (champion or {}).get(name),
            earlier.get(name),
        )
        for name in chosen
        if name in quality
    )
    return RareClasses(
        kind=kind,
        even=len(set(counts)) == 1,
        rarest=rarest,
        rare=_group(evaluation, set(chosen)),
        others=_group(evaluation, set(ordered) - set(chosen)),
        champion=champion is not None,
        before=before.run if before and earlier else None,
        before_kind=_kind_before(kind, before),
        other_differences=_other_differences(before),
    )


def _kind_before(kind: str, before: Before | None) -> str | None:
    """Return how the run before weighted its classes: as this one, unless that differs."""
    settings = before.comparison.settings if before else None
    if settings is None:
        return None
    return next((one.second for one in settings if one.key == _SETTING), kind)


def _other_differences(before: Before | None) -> int:
    settings = before.comparison.settings if before else None
    return sum(one.key != _SETTING for one in settings or ())


def _group(evaluation: Evaluation, names: Collection[str]) -> ClassGroup:
    rows = [number for number, one in enumerate(evaluation.classes) if one.name in names]
    pictures = sum(evaluation.classes[row].support for row in rows)
    right = sum(evaluation.confusion[row][row] for row in rows)
    interval = wilson_interval(right, pictures)
    return ClassGroup(len(rows), pictures, right, interval.low, interval.high)


def _read(run: Inputs) -> RareClasses | None:
    """Read what the weighting did; None for a run that weighted nothing."""
    kind = run.facts.chosen.values.get(_SETTING, _NONE)
    if kind == _NONE:
        return None
    dataset, evaluation = DATASET.of(run.values), EVALUATION.of(run.values)
    if dataset is None or evaluation is None:
        raise Absent("without data set and test results nothing is known of its classes")
    return rare_classes(kind, dataset, evaluation, _champion(run), BEFORE.of(run.values))


def _champion(run: Inputs) -> Recalls | None:
    folder = run.facts.output(EVALUATE, "evaluation")
    section = json.loads(run.source.read(f"{folder}/evaluation.json")).get("champion") or {}
    recalls = section.get("recall") or {}
    return {name: value for name, value in recalls.items() if value is not None} or None


SECTION = Section(
    name="rare_classes",
    title="The rarest classes",
    place=22,
    turn=115,
    read=_read,
)
