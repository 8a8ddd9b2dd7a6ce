"""Jobs: files and folders that fit together, and what their scripts are told."""

import re
from collections.abc import Iterator

from pipeline.cache_fields import CACHE_FIELDS
from pipeline.check.document import Document, Step
from pipeline.check.findings import Problem, suggest
from pipeline.check.functions import known_value, reference_parts
from pipeline.check.jobs import options, script_of
from pipeline.check.node import Node, is_number, shown
from pipeline.check.rules.rule import Rule, rule
from pipeline.check.scripts import OptionType

_ROOT = "/opt/ml/processing"
_JOBS = ("Processing", "Training", "Tuning")
_FLAGS = ("true", "false", "1", "0", "yes", "no")
_ACCELERATED = re.compile(r"ml\.(g|p|trn|inf)\d")


@rule("property-file-output")
def property_file_outputs(document: Document) -> Iterator[Problem]:
    """A property file in an output that the step does not have."""
    for step in document.of_type("Processing"):
        outputs = step.arguments.at("ProcessingOutputConfig", "Outputs").items()
        names = [output["OutputName"].text or "" for output in outputs]
        for file in step.node["PropertyFiles"].items():
            name = file["OutputName"].text
            if name is not None and name not in names:
                what = f"the property file is in output {name!r}, which the step does not have"
                yield Problem(file["OutputName"].path, what, suggest(name, names, "add the output"))


@rule("local-path")
def local_paths(document: Document) -> Iterator[Problem]:
    """Folders of a processing job outside of its own, or the same one twice."""
    for step in document.of_type("Processing"):
        seen: dict[str, str] = {}
        for name, node in _folders(step):
            path = (node.text or _ROOT).rstrip("/")
            if path != _ROOT and not path.startswith(f"{_ROOT}/"):
                what = f"{node.text!r} is outside of {_ROOT}, where SageMaker mounts nothing"
                yield Problem(node.path, what, f"use a folder under {_ROOT}")
            elif node.text and seen.setdefault(path, name) != name:
                what = f"{name} and {seen[path]} have the same folder {path!r}"
                yield Problem(node.path, what, "give each its own")


@rule("path-argument")
def path_arguments(document: Document) -> Iterator[Problem]:
    """An argument that points to a folder which is neither an input nor an output."""
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


@rule("script-option")
def script_options(document: Document) -> Iterator[Problem]:
    """An option that the script does not take, or a value that it cannot read."""
    for step in document.of_type(*_JOBS):
        script = document.scripts.get(script_of(step) or "")
        for name, place, value in options(step) if script else ():
            known = script.options if script else {}
            if name not in known:
                what = f"{script_of(step)} takes no {name!r}"
                yield Problem(place.path, what, suggest(name, list(known)))
            elif value.text is None and not value.exists:
                yield Problem(place.path, f"{name!r} has no value", "give one after it")
            elif value.text is not None and not _reads_as(known[name], value.text):
                what = f"{name!r} is {shown(value.text)}, which does not read as {known[name]}"
                yield Problem(value.path, what, f"give a value of type {known[name]}")


@rule("test-split-in-training", "warning")
def test_split_in_training(document: Document) -> Iterator[Problem]:
    """Training or tuning that is given the data it will be judged on."""
    for step in document.of_type("Training", "Tuning"):
        for node in step.own_nodes():
            match reference_parts(node):
                case ("Steps", _, "ProcessingOutputConfig", "Outputs", "test", *_):
                    what = f"step {step.name} is given the test split"
                    mend = "give it train and valid only: the gate judges on test"
                    yield Problem(node.path, what, mend)


@rule("spot-wait")
def spot_wait(document: Document) -> Iterator[Problem]:
    """Managed spot training whose waiting time is shorter than its run time."""
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


@rule("cpu-image", "warning")
def cpu_images(document: Document) -> Iterator[Problem]:
    """A machine with an accelerator, and an image that cannot use it."""
    for step in document.of_type(*_JOBS):
        images = [n for n in step.own_nodes() if n.path[-1] in ("ImageUri", "TrainingImage")]
        types = [n for n in step.own_nodes() if n.path[-1] == "InstanceType"]
        for image in images:
            for kind in types:
                machine = known_value(document, kind)
                gpu = isinstance(machine, str) and _ACCELERATED.match(machine)
                if gpu and "-cpu-" in (image.text or ""):
                    what = f"{machine} has an accelerator, the image is for CPUs"
                    yield Problem(image.path, what, "use the GPU image, or a cheaper machine")


@rule("cache-never-hit", "warning")
def cache_never_hit(document: Document) -> Iterator[Problem]:
    """A cached step with something of the execution in its cache key: each run is a new one."""
    for step in document.of_type(*CACHE_FIELDS):
        if step.node["CacheConfig"]["Enabled"].value is not True:
            continue
        for field in CACHE_FIELDS[step.type]:
            for node in step.arguments.at(*field.split(".")).walk():
                parts = reference_parts(node)
                if parts[:1] == ("Execution",) and parts[1:] not in (("PipelineName",),):
                    what = f"{node['Get'].value} is new in each run, so the cache never hits"
                    yield Problem(node.path, what, "keep it out of the step's inputs")


def _folders(step: Step) -> Iterator[tuple[str, Node]]:
    for item in step.arguments["ProcessingInputs"].items():
        for kind in ("S3Input", "DatasetDefinition"):
            if item[kind]["LocalPath"].exists:
                yield f"input {item['InputName'].value}", item[kind]["LocalPath"]
    for item in step.arguments.at("ProcessingOutputConfig", "Outputs").items():
        if item["S3Output"]["LocalPath"].exists:
            yield f"output {item['OutputName'].value}", item["S3Output"]["LocalPath"]


def _reads_as(kind: OptionType, value: str) -> bool:
    if kind == "bool":
        return value.lower() in _FLAGS
    readers = {"int": int, "float": float, "text": str}
    try:
        readers[kind](value)
    except ValueError:
        return False
    return True


RULES: tuple[Rule, ...] = (
    property_file_outputs,
    local_paths,
    path_arguments,
    script_options,
    test_split_in_training,
    spot_wait,
    cpu_images,
    cache_never_hit,
)
