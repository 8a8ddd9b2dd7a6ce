"""Define everything a run's report shows as plain values, apart from collecting and drawing them.

A section that a run does not have is None (or empty), and `RunReport.missing` says why. Times are
UTC, durations seconds, shares 0 to 1, sizes bytes. Names of classes, layers, files and rules come
from users: escape them where they are shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Run:
    """A pipeline execution. `where` is "local" or "aws"; `seconds` is None while it runs."""

    id: str
    arn: str
    pipeline: str
    where: str
    status: str
    started: datetime | None = None
    ended: datetime | None = None
    seconds: float | None = None
    failure: str | None = None
    endpoint: str | None = None
    model_package: str | None = None
    approval: str | None = None


@dataclass(frozen=True)
class ReportedStep:
    """A step of the pipeline's DAG.

    `status`: Succeeded, Failed, Stopped, Executing, Skipped (a branch not taken) or NotStarted.
    `depends_on`: names of steps. `branch`: (condition step, "True" or "False") when it lies in
    one. `cached_from`: the id of the execution whose result was taken. `job`: the job's name.
    """

    name: str
    type: str
    status: str
    started: datetime | None = None
    seconds: float | None = None
    depends_on: tuple[str, ...] = ()
    branch: tuple[str, str] | None = None
    cached_from: str | None = None
    job: str | None = None
    detail: str | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Trial:
    """A training job of the tuning, from number 1; `best_so_far`: best value up to this trial."""

    number: int
    name: str
    status: str
    hyperparameters: Mapping[str, str]
    value: float | None = None
    best_so_far: float | None = None
    started: datetime | None = None
    seconds: float | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Importance:
    """A hyperparameter's share in setting the better half of the trials apart; they sum up to 1."""

    name: str
    share: float


@dataclass(frozen=True)
class Tuning:
    """A tuning job. `importance_note` says how it was computed, or why there is none."""

    job: str
    objective: str
    maximize: bool
    strategy: str
    trials: tuple[Trial, ...]
    best: str | None = None
    importance: tuple[Importance, ...] = ()
    importance_note: str = ""


@dataclass(frozen=True)
class Epoch:
    """One row of history.csv. `phase` is "head" or "fine_tuning" when the history says so."""

    epoch: int
    train_loss: float
    train_accuracy: float
    valid_loss: float
    valid_accuracy: float
    phase: str | None = None


@dataclass(frozen=True)
class Series:
    """Values (same length as steps) of one tensor or layer over the saved training steps."""

    name: str
    steps: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Tensors:
    """Tensors that Debugger's hook saved: `source` is where, `names` how many there are.

    `gradient_norms`: L2 norm of each parameter's gradient. `update_ratios`: L2 norm of a
    weight's change between two saved steps / (the weight's norm * training steps between them).
    `losses`: a series per loss and mode (TRAIN, EVAL). Steps are counted over all modes, as the
    rules count them; values may be inf or nan. `note`: what was left out, "" when nothing was.
    """

    source: str
    names: int
    steps: int
    gradient_norms: tuple[Series, ...] = ()
    update_ratios: tuple[Series, ...] = ()
    losses: tuple[Series, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Rule:
    """A debugger rule's result.

    `status`: NoIssuesFound, IssuesFound, Error, Stopped, InProgress.
    """

    name: str
    status: str
    step: int | None = None
    tensor: str | None = None
    message: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rules:
    """The results of all debugger rules of the training.

    `stopped_by`: the rule that stopped it. `lost`: why saving tensors ended early.
    """

    rules: tuple[Rule, ...]
    stopped_by: str | None = None
    lost: str | None = None


@dataclass(frozen=True)
class ProfiledPhase:
    """A training phase's time: seconds by part (data, transfer, forward, ...)."""

    name: str
    steps: int
    seconds: Mapping[str, float]
    step_seconds: Mapping[str, float]


@dataclass(frozen=True)
class ProfileFinding:
    """A finding of the profiler: what was seen and what to change."""

    rule: str
    severity: str
    message: str
    advice: str
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """The profiler's results.

    `system`: summary figures by name, flat ("cpu_percent mean", ...). `samples`: columns of
    system.csv by name, all of one length, `seconds` first.
    """

    phases: tuple[ProfiledPhase, ...]
    findings: tuple[ProfileFinding, ...] = ()
    system: Mapping[str, float] = field(default_factory=dict)
    samples: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    overhead_seconds: float | None = None


@dataclass(frozen=True)
class ClassQuality:
    """A class's test results; None where nothing was counted."""

    name: str
    support: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class CalibrationBin:
    """Pictures whose confidence lies in [lower, upper): mean confidence and accuracy."""

    lower: float
    upper: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class ConfusedPair:
    """The number of pictures of `actual` that were classified as `predicted`."""

    actual: str
    predicted: str
    count: int


@dataclass(frozen=True)
class Mistake:
    """A confident wrong prediction. `picture`: the prepared square as JPEG, if it is there.

    `probability` is that of the predicted class, `actual_probability` that of the actual one.
    """

    file: str
    actual: str
    predicted: str
    probability: float
    actual_probability: float | None = None
    picture: bytes | None = None


@dataclass(frozen=True)
class Evaluation:
    """The test results. `low` and `high`: Wilson's 95 % interval of the accuracy.

    `confusion`: counts, row = actual, column = predicted, in the order of `classes`.
    """

    pictures: int
    accuracy: float
    low: float
    high: float
    classes: tuple[ClassQuality, ...]
    confusion: tuple[tuple[int, ...], ...]
    confused_pairs: tuple[ConfusedPair, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    calibration: tuple[CalibrationBin, ...] = ()
    calibration_error: float | None = None
    top_k: int | None = None
    top_k_accuracy: float | None = None
    threshold: float | None = None
    champion: str | None = None


@dataclass(frozen=True)
class Refused:
    """A file of the data set that is no usable picture, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Duplicate:
    """Files of identical content, and the splits and classes they lie in."""

    files: tuple[str, ...]
    splits: tuple[str, ...]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Dataset:
    """The prepared data set. `counts`: {split: {class: pictures}}, classes in order."""

    classes: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]
    fingerprint: str
    resize: int
    split_source: str
    refused: tuple[Refused, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()


@dataclass(frozen=True)
class Layer:
    """A layer of the network. `output`: its output shape without the batch, as text."""

    name: str
    type: str
    output: str
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Model:
    """The trained network. `facts`: lines for people (backbone, artifact size, ...)."""

    layers: tuple[Layer, ...]
    parameters: int | None = None
    trained_parameters: int | None = None
    multiply_adds: int | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reproduction:
    """The commands that repeat a run, and all that must be equal for the same result."""

    commands: tuple[str, ...]
    commit: str | None = None
    seeds: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    hyperparameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MetricFile:
    """A CSV of one job's metrics beside the report: `path` is relative to its folder."""

    path: str
    about: str
    rows: int


@dataclass(frozen=True)
class RunReport:
    """All that a run's report shows.

    `missing`: why a section (a field's name) or a part of one is not there, a line each.
    """

    run: Run
    steps: tuple[ReportedStep, ...] = ()
    tuning: Tuning | None = None
    history: tuple[Epoch, ...] = ()
    best_epoch: int | None = None
    tensors: Tensors | None = None
    rules: Rules | None = None
    profile: Profile | None = None
    evaluation: Evaluation | None = None
    dataset: Dataset | None = None
    model: Model | None = None
    reproduction: Reproduction | None = None
    files: tuple[MetricFile, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
