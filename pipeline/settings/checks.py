"""Check what no type can say about settings: each check looks at one thing, yields problems."""

from collections.abc import Callable, Iterator

from pipeline.job_scripts.hyperparameters import (
    Hyperparameter,
    training_settings,
    tunable_hyperparameters,
)
from pipeline.job_scripts.metrics import REGEXES
from pipeline.settings.checks_backbone import BACKBONE_CHECKS
from pipeline.settings.checks_debugger import DEBUGGER_CHECKS
from pipeline.settings.checks_deploy import DEPLOY_CHECKS
from pipeline.settings.checks_monitor import MONITOR_CHECKS
from pipeline.settings.checks_network import NETWORK_CHECKS
from pipeline.settings.checks_notify import NOTIFY_CHECKS
from pipeline.settings.checks_parts import PARTS_CHECKS
from pipeline.settings.drawing import is_in_parts
from pipeline.settings.errors import Problem
from pipeline.settings.model import (
    CategoricalRange,
    ContinuousRange,
    IntegerRange,
    Range,
    Settings,
)
from pipeline.suggestions import suggest

OBJECTIVES = tuple(name for name in REGEXES if not name.startswith("train:"))


def check(settings: Settings) -> list[Problem]:
    """Return every problem that the checks below find."""
    return [problem for one in CHECKS for problem in one(settings)]


def split_sums_to_one(settings: Settings) -> Iterator[Problem]:
    """Check that the splits sum to 1: every picture goes into exactly one."""
    split = settings.data.split
    total = split.train + split.valid + split.test
    if abs(total - 1) > 1e-6:
        yield Problem(("data", "split"), f"train + valid + test must be 1, not {total:g}")


def crop_fits(settings: Settings) -> Iterator[Problem]:
    """Check that the crop fits into the resized picture that it is cut out of."""
    sizes = settings.preprocessing
    if sizes.crop > sizes.resize:
        what = f"{sizes.crop} is more than preprocessing.resize ({sizes.resize})"
        yield Problem(("preprocessing", "crop"), what)


def parallel_jobs_fit(settings: Settings) -> Iterator[Problem]:
    """Check that trials at a time are no more than trials in all; SageMaker refuses more."""
    tuning = settings.tuning
    if is_in_parts(tuning):
        return  # of its jobs, parts_can_be_searched
    if tuning.max_parallel_jobs > tuning.max_jobs:
        what = f"{tuning.max_parallel_jobs} is more than tuning.max_jobs ({tuning.max_jobs})"
        yield Problem(("tuning", "max_parallel_jobs"), what)


def objective_is_known(settings: Settings) -> Iterator[Problem]:
    """Check that the objective is a metric that the training script prints."""
    objective = settings.tuning.objective
    if objective not in OBJECTIVES:
        hint = suggest(objective, OBJECTIVES)
        yield Problem(("tuning", "objective"), f"{objective!r} is not a metric; {hint}")


def ranges_make_sense(settings: Settings) -> Iterator[Problem]:
    """Check that ranges have bounds in order, possible scaling, and values of the right kind."""
    ranges = dict(settings.tuning.ranges.items())
    if not ranges:
        what = "nothing to tune: give at least one hyperparameter a range"
        yield Problem(("tuning", "ranges"), what)
    for name, values in ranges.items():
        for key, what in _range_problems(name, values):
            yield Problem(("tuning", "ranges", name, key), what)


def strategy_fits(settings: Settings) -> Iterator[Problem]:
    """Check what SageMaker asks of Grid and Hyperband."""
    tuning, ranges = settings.tuning, dict(settings.tuning.ranges.items())
    if tuning.strategy == "Grid":
        for name, values in ranges.items():
            if not isinstance(values, CategoricalRange):
                what = f"{values.type} does not go with Grid: list its values (categorical)"
                yield Problem(("tuning", "ranges", name, "type"), what)
    if tuning.strategy == "Hyperband":
        yield from _hyperband_problems(settings, ranges)


def _hyperband_problems(settings: Settings, ranges: dict[str, Range]) -> Iterator[Problem]:
    if settings.tuning.early_stopping:
        what = "Hyperband ends trials itself: set it to false"
        yield Problem(("tuning", "early_stopping"), what)
    if "epochs" in ranges:
        what = "Hyperband gives out the epochs itself: set it to null, and training.epochs"
        yield Problem(("tuning", "ranges", "epochs"), what)
    if settings.training.epochs < 2:
        what = "Hyperband needs at least 2 epochs to share out"
        yield Problem(("training", "epochs"), what)


def one_machine_a_job(settings: Settings) -> Iterator[Problem]:
    """Check that only fine-tuning spreads over machines; trials run side by side instead."""
    fine_tunes = settings.training.fine_tune_blocks > 0
    for name in ("processing", "training", "tuning"):
        count = getattr(settings.instances, name).count
        if count == 1 or (name == "training" and fine_tunes):
            continue
        what = f"must be 1, not {count}: a job runs on one machine"
        if name == "training":
            what += ", but for fine-tuning (training.fine_tune_blocks above 0)"
        yield Problem(("instances", name, "count"), what)


def spot_waits_long_enough(settings: Settings) -> Iterator[Problem]:
    """Check that a job on spot machines may wait for at least as long as it may run."""
    training, tuning = settings.training, settings.tuning
    for path, spot, name, run in (
        (("instances", "training"), settings.instances.training.spot, "training", training),
        (("tuning",), tuning.spot, "tuning", tuning),
    ):
        if spot and spot.max_wait_minutes < run.max_run_minutes:
            least = f"{name}.max_run_minutes ({run.max_run_minutes})"
            what = f"{spot.max_wait_minutes} is less than {least}: waiting counts with running"
            yield Problem((*path, "spot", "max_wait_minutes"), what)


def spot_is_not_kept(settings: Settings) -> Iterator[Problem]:
    """Check that no spot machine is to be kept for the next training: SageMaker refuses it."""
    training = settings.instances.training
    if training.spot and training.keep_alive_minutes:
        what = "spot machines cannot be kept: remove it, or instances.training.spot"
        yield Problem(("instances", "training", "keep_alive_minutes"), what)


def optimizer_trains_blocks(settings: Settings) -> Iterator[Problem]:
    """Check that no optimizer of the head alone may be chosen where blocks are trained as well."""
    training = settings.training
    tuned = dict(settings.tuning.ranges.items()).get("optimizer")
    values = tuned.values if isinstance(tuned, CategoricalRange) else (training.optimizer,)
    for name, one in training_settings().items():
        for optimizer in one.zero_with:
            if optimizer in values and getattr(training, name) != 0:
                where = "tuning.ranges.optimizer" if tuned else "training.optimizer"
                what = f"must be 0 with the optimizer {optimizer}, which trains the head alone"
                yield Problem(("training", name), f"{what}; or take that out of {where}")


def int8_has_a_graph(settings: Settings) -> Iterator[Problem]:
    """Check that int8 has a graph: it is the graph that is made of 8-bit integers."""
    if settings.serving.int8 and settings.serving.graph == "none":
        yield Problem(("serving", "int8"), "needs the graph: set serving.graph to onnx")


def something_serves(settings: Settings) -> Iterator[Problem]:
    """Check that a model without a graph has an image with PyTorch: the project's own has none."""
    if settings.serving.graph == "none" and settings.serving.image is None:
        what = "without a graph PyTorch serves, which our image lacks: set serving.image"
        yield Problem(("serving", "graph"), f"{what} to one that has it")


def names_fit(settings: Settings) -> Iterator[Problem]:
    """Check that names made from `project` stay within AWS's limits."""
    if settings.aws.bucket is None and len(settings.bucket) > 63:
        what = f"the bucket {settings.bucket!r} made from it is longer than 63: set aws.bucket"
        yield Problem(("project",), what)


def tags_fit(settings: Settings) -> Iterator[Problem]:
    """Check AWS's limits on tags, and that none takes the place of our own."""
    tags = settings.aws.tags
    # IAM tells no capital from a small letter in a tag's key.
    for key in (key for key in tags if key.lower() == "project"):
        what = "every resource has this tag already: roles tell the project's own jobs by it"
        yield Problem(("aws", "tags", key), what)
    if len(tags) > 49:
        yield Problem(("aws", "tags"), f"{len(tags)} tags; at most 49")
    for key, value in tags.items():
        if key.lower().startswith("aws:") or not 0 < len(key) <= 128 or len(value) > 256:
            what = "a tag's key has 1 to 128 characters and no aws: in front, its value at most 256"
            yield Problem(("aws", "tags", key), what)


def weights_are_one_of_four(settings: Settings) -> Iterator[Problem]:
    """Check that weights are imagenet, none, s3://bucket/key, or a path."""
    if what := _no_file(settings.backbone.weights, "imagenet, none, "):
        yield Problem(("backbone", "weights"), what)


def decisions_are_a_file(settings: Settings) -> Iterator[Problem]:
    """Check that decisions are s3://bucket/key, or a path."""
    decisions = settings.data.decisions
    if decisions is not None and (what := _no_file(decisions)):
        yield Problem(("data", "decisions"), what)


def _no_file(address: str, words: str = "") -> str | None:
    """Say why an address can be none of a file; `words` may stand there instead."""
    if address.startswith("s3://") and (not address[5:].partition("/")[2] or address.endswith("/")):
        return f"{address!r} names no file: give s3://bucket/path/of/file"
    if "://" in address and not address.startswith(("s3://", "file://")):
        return f"{address!r} cannot be read: {words}a path or s3://bucket/key"
    return None


CHECKS: tuple[Callable[[Settings], Iterator[Problem]], ...] = (
    split_sums_to_one,
    crop_fits,
    parallel_jobs_fit,
    objective_is_known,
    ranges_make_sense,
    strategy_fits,
    one_machine_a_job,
    spot_waits_long_enough,
    spot_is_not_kept,
    optimizer_trains_blocks,
    int8_has_a_graph,
    something_serves,
    names_fit,
    tags_fit,
    weights_are_one_of_four,
    decisions_are_a_file,
    *BACKBONE_CHECKS,
    *DEBUGGER_CHECKS,
    *DEPLOY_CHECKS,
    *MONITOR_CHECKS,
    *NOTIFY_CHECKS,
    *NETWORK_CHECKS,
    *PARTS_CHECKS,
)


def _range_problems(name: str, values: Range) -> Iterator[tuple[str, str]]:
    one = tunable_hyperparameters()[name]
    if isinstance(values, CategoricalRange):
        yield from _categorical_problems(one, values)
    elif one.choices:
        yield "type", f"an {name} is chosen by name: categorical, with values"
    elif one.kind == "int" and isinstance(values, ContinuousRange):
        yield "type", f"{name} is a whole number: integer or categorical"
    elif one.kind == "float" and isinstance(values, IntegerRange):
        yield "type", f"{name} is a fraction: continuous or categorical"
    else:
        yield from _bounds_problems(one, values)


def _bounds_problems(
    one: Hyperparameter, values: ContinuousRange | IntegerRange
) -> Iterator[tuple[str, str]]:
    wrong = next((end for end in ("min", "max") if not one.allows(getattr(values, end))), None)
    if values.min >= values.max:
        yield "min", f"{values.min:g} is not less than max ({values.max:g})"
    elif wrong:
        yield wrong, f"{one.name} must be {one.limits()}"
    elif values.scaling == "Logarithmic" and values.min <= 0:
        yield "min", "Logarithmic scaling needs a min above 0"
    elif values.scaling == "ReverseLogarithmic" and not 0 <= values.min <= values.max < 1:
        yield "max", "ReverseLogarithmic scaling needs 0 <= min < max < 1"


def _categorical_problems(
    one: Hyperparameter, values: CategoricalRange
) -> Iterator[tuple[str, str]]:
    if not 0 < len(values.values) <= 30:
        yield "values", f"must have 1 to 30 values, not {len(values.values)}"
    if len(set(values.values)) != len(values.values):
        yield "values", "has the same value twice"
    for value in values.values:
        if one.allows(value):
            continue
        if one.choices:
            yield "values", f"{value!r} is no {one.name}; {suggest(str(value), one.choices)}"
        else:
            kind = "whole number" if one.kind == "int" else "number"
            yield "values", f"{value!r} is not a {kind}, {one.limits()}"
