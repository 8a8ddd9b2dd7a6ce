"""List what every command prints with --json: the types that its document is made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_type_hints

from pipeline.aws.quotas import QuotaReport
from pipeline.aws.start import StartResult
from pipeline.aws.upsert import Superseded, UpsertResult
from pipeline.aws.watch import Outcome
from pipeline.bootstrap.documents import StackChanges, StackPlan
from pipeline.check.findings import Findings
from pipeline.comparing.documents import Compared
from pipeline.cost.__main__ import Refreshed
from pipeline.cost.estimate import CostEstimate
from pipeline.data.destination import Transfer
from pipeline.diff.steps import DefinitionDiff
from pipeline.endpoint.batch.command import BatchOutcome
from pipeline.endpoint.documents import (
    Benched,
    Deleted,
    Endpoints,
    Predicted,
    RolledBack,
    Serving,
)
from pipeline.local.repair import Checked, Repaired
from pipeline.local.service.following import Deployed
from pipeline.monitor.documents import Monitored
from pipeline.registry.documents import MadeVersion, VersionFacts
from pipeline.registry.lineage import Card, Lineage
from pipeline.report.contents import Run
from pipeline.report.documents import ListedRun
from pipeline.report.pruning import PruneReport
from pipeline.report.saved import SavedSeries, SavedTensors
from pipeline.report.sections.before import Before
from pipeline.report.sections.dataset import Dataset
from pipeline.report.sections.evaluation import Evaluation
from pipeline.report.sections.files import MetricFile
from pipeline.report.sections.gains import Gains
from pipeline.report.sections.history import Epoch
from pipeline.report.sections.model import Model
from pipeline.report.sections.profile import Profile
from pipeline.report.sections.rare_classes import RareClasses
from pipeline.report.sections.reproduction import Reproduction
from pipeline.report.sections.rules import Rules
from pipeline.report.sections.steps import ReportedStep
from pipeline.report.sections.tensors import Tensors
from pipeline.report.sections.tuning import Tuning
from pipeline.report.sources.review import Review
from pipeline.report.tracking.tracker import Tracked
from pipeline.review.command import Reviewed
from pipeline.run.again import AskedExecution
from pipeline.run.on_aws import ServedOutcome
from pipeline.run.outcome import LocalOutcome
from pipeline.sample.__main__ import Sample
from pipeline.settings.reference import SectionEntries
from pipeline.teardown.documents import TornDown

_CODE: Mapping[str, Any] = {"exit_code": int}
# Of a run on AWS that succeeded, also what became of its endpoint.
_SERVED = {name: one for name, one in get_type_hints(ServedOutcome).items() if name != "run"}
_REPORT: Mapping[str, Any] = {
    "run": Run,
    "steps": tuple[ReportedStep, ...] | None,
    "before": Before | None,
    "gains": Gains | None,
    "tuning": Tuning | None,
    "history": tuple[Epoch, ...],
    "best_epoch": int | None,
    "rules": Rules | None,
    "tensors": Tensors | None,
    "profile": Profile | None,
    "evaluation": Evaluation | None,
    "rare_classes": RareClasses | None,
    "dataset": Dataset | None,
    "review": Review | None,
    "model": Model | None,
    "reproduction": Reproduction | None,
    "files": tuple[MetricFile, ...] | None,
    "missing": Mapping[str, str],
}

_SHOWN: Mapping[str, Any] = {
    "settings": Mapping[str, str] | None,
    "tuned": tuple[str, ...] | None,
    "evaluation": Mapping[str, Any],
    "lineage": Lineage,
    "card": Card | None,
}
# What production is after the decision; null on AWS, where nobody waits, and where there is none.
_DECIDED: Mapping[str, Any] = {"production": Deployed | None}


@dataclass(frozen=True)
class Shape:
    """A form of a document: a type's, with `more` members; `about` says what it is, or when."""

    of: Any = None
    more: Mapping[str, Any] = field(default_factory=dict)
    about: str = ""


# By command; one of several shapes.
DOCUMENTS: Mapping[str, tuple[Shape, ...]] = {
    "run --local": (Shape(LocalOutcome, _CODE),),
    "run --check": (Shape(Findings),),
    "run --diff": (Shape(DefinitionDiff, {"empty": bool, "monitoring": DefinitionDiff | None}),),
    "run --cost": (Shape(CostEstimate),),
    "run --upsert": (Shape(UpsertResult), Shape(Superseded)),
    "run --upsert --start": (Shape(StartResult), Shape(Superseded)),
    "run --upsert --start --wait": (
        Shape(Outcome, {**_SERVED, **_CODE}, "A run that succeeded, and its endpoint."),
        Shape(Outcome, _CODE),
        Shape(Superseded),
    ),
    "run --watch": (
        Shape(Outcome, {**_SERVED, **_CODE}, "A run that succeeded, and its endpoint."),
        Shape(Outcome, _CODE),
    ),
    "run --stop": (Shape(AskedExecution),),
    "run --retry": (
        Shape(AskedExecution, about="On AWS, without --wait."),
        Shape(Outcome, {**_SERVED, **_CODE}, "With --wait: it succeeded, and its endpoint."),
        Shape(Outcome, _CODE, "With --wait."),
        Shape(LocalOutcome, _CODE, "With --local."),
    ),
    "registry list": (Shape(tuple[MadeVersion, ...]),),
    "registry show": (Shape(MadeVersion, _SHOWN),),
    "registry compare": (Shape(Compared, {"first": VersionFacts, "second": VersionFacts}),),
    "registry approve": (Shape(VersionFacts, _DECIDED),),
    "registry reject": (Shape(VersionFacts, _DECIDED),),
    "report": (Shape(tuple[ListedRun, ...]),),
    "report RUN": (Shape(more=_REPORT, about="All that the page of a run shows."),),
    "report compare": (Shape(Compared, {"first": str, "second": str}),),
    "report tensors": (Shape(SavedTensors), Shape(SavedSeries)),
    "report prune": (Shape(PruneReport),),
    "report track": (Shape(tuple[Tracked, ...]),),
    "endpoint status": (Shape(Endpoints),),
    "endpoint predict": (Shape(Predicted), Shape(BatchOutcome, about="With --csv.")),
    "endpoint bench": (Shape(Benched),),
    "endpoint serve": (Shape(Serving, about="In one line, as soon as it serves."),),
    "endpoint credentials": (Shape(Mapping[str, str], about="Variables for a shell."),),
    "endpoint rollback": (Shape(RolledBack),),
    "endpoint delete": (Shape(Deleted),),
    "data upload": (Shape(Transfer),),
    "data review": (Shape(Reviewed),),
    "monitor": (Shape(Monitored),),
    "local check": (Shape(Checked),),
    "local repair": (
        Shape(Repaired, {"repaired": bool}),
        Shape(more={"repaired": bool}, about="Nothing was wrong."),
    ),
    "cost": (Shape(CostEstimate), Shape(Refreshed, about="With --refresh.")),
    "bootstrap": (Shape(StackChanges), Shape(StackPlan), Shape(QuotaReport)),
    "teardown": (Shape(TornDown),),
    "settings": (Shape(more={"sections": tuple[SectionEntries, ...]}),),
    "sample": (Shape(Sample),),
}
