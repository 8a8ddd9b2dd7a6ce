"""Check jobs: files and folders, spot training, images, and cache keys that fit together."""

import re
from collections.abc import Iterator

from pipeline.check.document import CheckedDefinition
from pipeline.check.findings import Problem
from pipeline.check.functions import known_value, reference_parts
from pipeline.check.jobs import searches
from pipeline.check.rules.rule import Rule, rule
from pipeline.definition.cache_fields import CACHE_FIELDS
from pipeline.definition.node import Node, is_number, path_text, shown
from pipeline.definition.steps import WrittenStep
from pipeline.suggestions import suggest

_ROOT = "/opt/ml/processing"
_JOBS = ("Processing", "Training", "Tuning")
_BLANK = re.compile(r"[^\S\n]")  # of line breaks the shapes tell
_IMAGES = ("ImageUri", "TrainingImage", "RuleEvaluatorImage")
MOST_TRAINING_SECONDS = 2_419_200  # 28 days: botocore's text on StoppingCondition
_ACCELERATED = re.compile(r"ml\.(g|p|trn|inf)\d")


@rule("property-file-output")
def property_file_outputs(document: CheckedDefinition) -> Iterator[Problem]:
    """Report a property file in an output that the step does not have."""
    for step in document.of_type("Processing"):
        outputs = step.arguments.at("ProcessingOutputConfig", "Outputs").items()
        names = [output["OutputName"].text or "" for output in outputs]
        for file in step.node["PropertyFiles"].items():
            name = file["OutputName"].text
            if name is not None and name not in names:
                what = f"the property file is in output {name!r}, which the step does not have"
                yield Problem(file["OutputName"].path, what, suggest(name, names, "add the output"))


@rule("local-path")
def local_paths(document: CheckedDefinition) -> Iterator[Problem]:
    """Report a processing job's folders outside of /opt/ml/processing."""
    for step in document.of_type("Processing"):
        for _, node in _folders(step):
            if not _is_inside(_path(node)):
                what = f"{node.text!r} is outside of {_ROOT}, where SageMaker mounts nothing"
                yield Problem(node.path, what, f"use a folder under {_ROOT}")


@rule("local-path", accepted=True)
def shared_paths(document: CheckedDefinition) -> Iterator[Problem]:
    """Report two inputs or outputs of a processing job that have the same folder."""
    for step in document.of_type("Processing"):
        seen: dict[str, str] = {}
        for name, node in _folders(step):
            path = _path(node)
            if node.text and _is_inside(path) and seen.setdefault(path, name) != name:
                what = f"{name} and {seen[path]} have the same folder {path!r}"
                yield Problem(node.path, what, "give each its own")


@rule("path-argument", accepted=True)
def path_arguments(document: CheckedDefinition) -> Iterator[Problem]:
    """Report arguments that point to a folder which is neither an input nor an output."""
    for step in document.of_type("Processing"):
        folders = [(node.text or "").rstrip("/") for _, node in _folders(step)]
        specification = step.arguments["AppSpecification"]
        for kind in ("ContainerArguments", "ContainerEntrypoint"):
            for argument in specification[kind].items():
                path = (argument.text or "").rpartition("=")[2]
                inside = any(path == folder or path.startswith(f"{folder}/") for folder in folders)
                if path.startswith(f"{_ROOT}/") and not inside:
                    what = f"{path!r} is in no input or output of step {step.name}"
                    yield Problem(argument.path, what, suggest(path, folders, "add the input"))


@rule("output-path", accepted=True)
def output_paths(document: CheckedDefinition) -> Iterator[Problem]:
    """Report outputs in the same S3 folder, or in folders that are the same in each run."""
    seen: dict[str, Node] = {}
    for step in document.of_type("Processing"):
        for output in step.arguments.at("ProcessingOutputConfig", "Outputs").items():
            node = output["S3Output"]["S3Uri"]
            uri = known_value(document, node)
            if not isinstance(uri, str):
                continue
            folder = uri.rstrip("/") + "/"
            for other, place in seen.items():
                if folder.startswith(other) or other.startswith(folder):
                    what = f"this folder and that of {path_text(place.path)} are within each other"
                    yield Problem(node.path, what, "give each output a folder of its own")
            seen.setdefault(folder, node)
            if not any(reference_parts(part)[:1] == ("Execution",) for part in node.walk()):
                what = "each run writes to the same place, also two at the same time"
                mend = "join Execution.PipelineExecutionId into it"
                yield Problem(node.path, what, mend)


@rule("test-split-in-training", "warning")
def training_sees_test_split(document: CheckedDefinition) -> Iterator[Problem]:
    """Report training or tuning that is given the data it will be judged on."""
    for step in document.of_type("Training", "Tuning"):
        for node in step.own_nodes():
            match reference_parts(node):
                case ("Steps", _, "ProcessingOutputConfig", "Outputs", "test", *_):
                    what = f"step {step.name} is given the test split"
                    mend = "give it train and valid only: the gate judges on test"
                    yield Problem(node.path, what, mend)


@rule("spot-wait")
def spot_wait(document: CheckedDefinition) -> Iterator[Problem]:
    """Report managed spot training whose waiting time is missing or shorter than its run time."""
    for step in document.of_type("Training", "Tuning"):
        job = step.arguments if step.type == "Training" else step.arguments["TrainingJobDefinition"]
        stop = job["StoppingCondition"]
        wait = known_value(document, stop["MaxWaitTimeInSeconds"])
        run = known_value(document, stop["MaxRuntimeInSeconds"])
        spot = known_value(document, job["EnableManagedSpotTraining"])
        if spot is True and not is_number(wait):
            what = "managed spot training needs a MaxWaitTimeInSeconds"
            yield Problem(stop.path, what, "add it, at least MaxRuntimeInSeconds")
        elif is_number(wait) and is_number(run) and wait < run:
            what = f"waits for {wait} s, less than the {run} s that the job may run"
            mend = f"give at least {run}"
            yield Problem(stop["MaxWaitTimeInSeconds"].path, what, mend)


@rule("spot-warm-pool")
def spot_warm_pools(document: CheckedDefinition) -> Iterator[Problem]:
    """Report spot machines that are to be kept warm for the next job, which SageMaker refuses."""
    for job in _spot_jobs(document):
        for resources in ("ResourceConfig", "HyperParameterTuningResourceConfig"):
            node = job[resources]["KeepAlivePeriodInSeconds"]
            seconds = known_value(document, node)
            if is_number(seconds) and seconds > 0:
                what = "spot machines cannot be kept in a warm pool"
                yield Problem(node.path, what, "remove it, or EnableManagedSpotTraining")


@rule("spot-checkpoints", "warning")
def spot_checkpoints(document: CheckedDefinition) -> Iterator[Problem]:
    """Report spot training that keeps no checkpoints: taken back, it begins anew."""
    for job in _spot_jobs(document):
        if not job["CheckpointConfig"].exists:
            what = "managed spot training without a CheckpointConfig begins anew when interrupted"
            yield Problem(job["EnableManagedSpotTraining"].path, what, "add one")


@rule("runtime-limit")
def runtime_limits(document: CheckedDefinition) -> Iterator[Problem]:
    """Report training that is allowed to run for longer than SageMaker lets it."""
    trainings = [step.arguments for step in document.of_type("Training")]
    trials = [job for step in document.of_type("Tuning") for job, _ in searches(step)]
    for job in (*trainings, *trials):
        node = job["StoppingCondition"]["MaxRuntimeInSeconds"]
        seconds = known_value(document, node)
        if is_number(seconds) and seconds > MOST_TRAINING_SECONDS:
            what = f"training may run for {seconds:,} s; SageMaker ends it after 28 days"
            yield Problem(node.path, what, f"give at most {MOST_TRAINING_SECONDS}")


@rule("image-address")
def image_addresses(document: CheckedDefinition) -> Iterator[Problem]:
    """Report white space in an image's address, where the service's own shapes allow it."""
    for step in document.steps:
        for node in step.own_nodes():
            address = known_value(document, node) if node.key in _IMAGES else None
            if isinstance(address, str) and _BLANK.search(address):
                what = f"the image address {shown(address)} has white space in it"
                yield Problem(node.path, what, "remove it")


@rule("cpu-image", "warning")
def cpu_images(document: CheckedDefinition) -> Iterator[Problem]:
    """Report a machine with an accelerator whose image cannot use it."""
    for step in document.of_type(*_JOBS):
        images = [n for n in step.own_nodes() if n.key in ("ImageUri", "TrainingImage")]
        types = [n for n in step.own_nodes() if n.key == "InstanceType"]
        for image in images:
            for kind in types:
                machine = known_value(document, kind)
                gpu = isinstance(machine, str) and _ACCELERATED.match(machine)
                if gpu and "-cpu-" in (image.text or ""):
                    what = f"{machine} has an accelerator, the image is for CPUs"
                    yield Problem(image.path, what, "use the GPU image, or a cheaper machine")


@rule("cache-never-hit", "warning")
def cache_never_hit(document: CheckedDefinition) -> Iterator[Problem]:
    """Report cached steps whose cache key holds something that is new in each run."""
    for step in document.of_type(*CACHE_FIELDS):
        if step.node["CacheConfig"]["Enabled"].value is not True:
            continue
        for field in CACHE_FIELDS[step.type]:
            for node in step.arguments.at(*field.split(".")).walk():
                parts = reference_parts(node)
                if parts[:1] == ("Execution",) and parts[1:] not in (("PipelineName",),):
                    what = f"{node['Get'].value} is new in each run, so the cache never hits"
                    yield Problem(node.path, what, "keep it out of the step's inputs")


def _spot_jobs(document: CheckedDefinition) -> Iterator[Node]:
    trainings = [step.arguments for step in document.of_type("Training")]
    trials = [job for step in document.of_type("Tuning") for job, _ in searches(step)]
    for job in (*trainings, *trials):
        if known_value(document, job["EnableManagedSpotTraining"]) is True:
            yield job


def _path(node: Node) -> str:
    return (node.text or _ROOT).rstrip("/")


def _is_inside(path: str) -> bool:
    return path == _ROOT or path.startswith(f"{_ROOT}/")


def _folders(step: WrittenStep) -> Iterator[tuple[str, Node]]:
    for item in step.arguments["ProcessingInputs"].items():
        for kind in ("S3Input", "DatasetDefinition"):
            if item[kind]["LocalPath"].exists:
                yield f"input {item['InputName'].value}", item[kind]["LocalPath"]
    for item in step.arguments.at("ProcessingOutputConfig", "Outputs").items():
        if item["S3Output"]["LocalPath"].exists:
            yield f"output {item['OutputName'].value}", item["S3Output"]["LocalPath"]


RULES: tuple[Rule, ...] = (
    property_file_outputs,
    local_paths,
    shared_paths,
    path_arguments,
    output_paths,
    training_sees_test_split,
    spot_wait,
    spot_warm_pools,
    spot_checkpoints,
    runtime_limits,
    image_addresses,
    cpu_images,
    cache_never_hit,
)
