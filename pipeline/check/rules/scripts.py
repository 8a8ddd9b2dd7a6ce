"""Check what jobs and functions pass to our code against what it takes, writes and answers."""

import math
import re
from collections.abc import Iterator
from dataclasses import replace

from pipeline.check.document import CheckedDefinition
from pipeline.check.findings import Problem
from pipeline.check.functions import known_value
from pipeline.check.jobs import (
    bundled_script,
    hyperparameters,
    options,
    plain_text,
    script_node,
    script_of,
)
from pipeline.check.rules.rule import Rule, rule
from pipeline.definition.node import Node, shown
from pipeline.definition.steps import WrittenStep
from pipeline.job_scripts.hyperparameters import Hyperparameter
from pipeline.job_scripts.interface import FUNCTIONS, Function, OptionType, Script
from pipeline.job_scripts.toolkit_arguments import PLAIN, survives_a_shell
from pipeline.suggestions import suggest

_JOBS = ("Processing", "Training", "Tuning")
_PYTORCH = re.compile(r"\.amazonaws\.com/(huggingface-)?pytorch")
_NO_SHELL = "sagemaker_toolkit_native_launcher_enabled"
_TOOLKIT = ("sagemaker_program", "sagemaker_submit_directory")
_CHANNEL = re.compile(r"/opt/ml/input/data/([^/]+)")
_FLAGS = ("true", "false", "1", "0", "yes", "no")


@rule("script-name")
def script_names(document: CheckedDefinition) -> Iterator[Problem]:
    """Report a bundle of ours that is told to start another script, or one given half."""
    for step in document.of_type(*_JOBS) if document.ours else ():
        entry, name = bundled_script(step), script_of(step)
        if entry in document.scripts and name not in (None, entry):
            what = f"the code is the bundle of {entry}, the script to start is {name!r}"
            yield Problem(script_node(step).path, what, f"write {entry}")
        told = hyperparameters(step)
        given = [key for key in _TOOLKIT if told[key].exists]
        if len(given) == 1:
            other = next(key for key in _TOOLKIT if key not in given)
            what = f"{given[0]} is given without {other}"
            yield Problem(told.path, what, "give both: the program, and the archive it is in")


@rule("script-option")
def script_options(document: CheckedDefinition) -> Iterator[Problem]:
    """Report options that the script does not take or cannot read, and needed ones left out."""
    for step, script in _known_jobs(document):
        name = script_of(step)
        told = list(options(step))
        for option, place, value in told:
            yield from _option_problems(f"{name}", script, option, place, value)
        for option in script.required:
            if option not in [given for given, _, _ in told]:
                place = step.arguments["AppSpecification"]["ContainerArguments"]
                yield Problem(place.path, f"{name} needs the option {option!r}", f"add --{option}")
        yield from _strays(step)
        for item in _ranges(step):
            for value in [item["MinValue"], item["MaxValue"], *item["Values"].items()]:
                tuned = item["Name"]
                if tuned.text is not None and value.text is not None:
                    yield from _option_problems(f"{name}", script, tuned.text, tuned, value)


@rule("range-without-effect", "warning")
def ranges_without_effect(document: CheckedDefinition) -> Iterator[Problem]:
    """Report ranges of what none of the optimizers that are tried makes any use of."""
    for step, script in _known_jobs(document):
        tried = _optimizers(step)
        for item in _ranges(step):
            one = script.numbers.get(item["Name"].text or "")
            if one and tried and all(optimizer in one.unused_by for optimizer in tried):
                what = f"{' and '.join(tried)} makes no use of {one.name!r}, which has a range"
                mend = f"remove the range (tuning.ranges.{one.name}: null)"
                yield Problem(item["Name"].path, what, mend)


@rule("hyperparameter-shell", "warning")
def hyperparameters_in_a_shell(document: CheckedDefinition) -> Iterator[Problem]:
    """Report values that a shell changes: the toolkit of AWS's images hands them to one."""
    for step in document.of_type("Training", "Tuning"):
        told = hyperparameters(step)
        if script_of(step) is None or told[_NO_SHELL].text == "true":
            continue
        if not document.ours and not _in_pytorch(step):
            continue
        tuned = [value for item in _ranges(step) for value in item["Values"].items()]
        for node in [value for _, _, value in options(step)] + tuned:
            value = known_value(document, node)
            if isinstance(value, str) and not survives_a_shell(value):
                what = f"{shown(value)} breaks in the shell of SageMaker's toolkit (up to 5.1.2)"
                yield Problem(node.path, what, f"encode it: what passes is {PLAIN}")


def _in_pytorch(step: WrittenStep) -> bool:
    """Check whether a job runs in AWS's PyTorch image, whose toolkit asks for the shell."""
    job = step.arguments["TrainingJobDefinition"] if step.type == "Tuning" else step.arguments
    return bool(_PYTORCH.search(job["AlgorithmSpecification"]["TrainingImage"].text or ""))


@rule("script-channel")
def script_channels(document: CheckedDefinition) -> Iterator[Problem]:
    """Report channels that the script does not read, and needed ones left out."""
    for step, script in _known_jobs(document):
        job = step.arguments["TrainingJobDefinition"] if step.type == "Tuning" else step.arguments
        names = [channel["ChannelName"] for channel in job["InputDataConfig"].items()]
        for node in names if script.channels else ():
            known = {*script.channels, *_read_elsewhere(step, job)}
            if node.text is not None and node.text not in known:
                what = f"{script_of(step)} reads no channel {node.text!r}"
                yield Problem(
                    node.path, what, suggest(node.text, list(script.channels), "remove it")
                )
        for channel, needed in script.channels.items():
            if needed and channel not in [node.text for node in names]:
                what = f"{script_of(step)} needs the channel {channel!r}"
                yield Problem(job["InputDataConfig"].path, what, "add it")


def _read_elsewhere(step: WrittenStep, job: Node) -> Iterator[str]:
    """Yield the channels that a hyperparameter or variable names a path in: others read those."""
    told = [*hyperparameters(step).members(), *job["Environment"].members()]
    for found in (_CHANNEL.match(plain_text(value) or "") for _, value in told):
        if found:
            yield found[1]


@rule("script-file")
def script_files(document: CheckedDefinition) -> Iterator[Problem]:
    """Report property files that the script does not write."""
    for step, script in _known_jobs(document):
        if script.files is None:
            continue
        for file in step.node["PropertyFiles"].items():
            path = file["FilePath"].text
            if path is not None and path not in script.files:
                what = f"{script_of(step)} writes no {path!r}"
                yield Problem(
                    file["FilePath"].path, what, suggest(path, list(script.files), "remove it")
                )


@rule("lambda-event")
def lambda_events(document: CheckedDefinition) -> Iterator[Problem]:
    """Report Lambdas of ours that lack what they need, or are asked for an unknown output."""
    for step, function in our_functions(document):
        given = [name for name, _ in step.arguments.members()]
        for name in function.needed(given):
            if name not in given:
                what = f"the function needs {name!r} in its event"
                yield Problem(step.arguments.path, what, "add it to the step's Arguments")
        for output in step.node["OutputParameters"].items():
            name = output["OutputName"].text or ""
            if name and name not in function.outputs:
                what = f"the function does not answer {name!r}"
                yield Problem(
                    output["OutputName"].path, what, suggest(name, function.outputs, "remove it")
                )


def our_functions(document: CheckedDefinition) -> Iterator[tuple[WrittenStep, Function]]:
    """Yield the steps that call a Lambda of ours, each with what is known of it."""
    for step in document.of_type("Lambda") if document.ours else ():
        arn = step.node["FunctionArn"].text or ""
        for end, known in FUNCTIONS.items():
            if arn.endswith(end):
                yield step, known


def _known_jobs(document: CheckedDefinition) -> Iterator[tuple[WrittenStep, Script]]:
    for step in document.of_type(*_JOBS):
        script = document.scripts.get(script_of(step) or "")
        if script and bundled_script(step) == script_of(step):
            yield step, script


def _option_problems(
    name: str, script: Script, option: str, place: Node, value: Node
) -> Iterator[Problem]:
    kind = script.options.get(option)
    if kind is None:
        what = f"{name} takes no {option!r}"
        yield Problem(place.path, what, suggest(option, list(script.options), "remove it"))
    elif not value.exists or (value.text or "").startswith("--"):
        yield Problem(place.path, f"{option!r} has no value", "give one after it")
    elif (text := plain_text(value)) is not None and not _reads_as(kind, text):
        wanted = kind if isinstance(kind, str) else f"one of {', '.join(kind)}"
        what = f"{option!r} is {shown(value.text)}, which does not read as {wanted}"
        yield Problem(value.path, what, f"give {wanted}")
    elif text is not None and (limits := _limits(script.numbers.get(option), text)):
        what = f"{option!r} is {shown(value.text)}; {name} takes what is {limits}"
        yield Problem(value.path, what, f"give a number {limits}")


def _limits(one: Hyperparameter | None, text: str) -> str | None:
    """Return a number's limits when it is outside of those that the script has; else None."""
    if one is None:
        return None
    script = replace(one, most=None)  # the largest that our settings take: the script takes more
    number = int(text) if one.kind == "int" else float(text)
    return None if script.allows(number) and math.isfinite(number) else script.limits()


def _ranges(step: WrittenStep) -> list[Node]:
    found = step.arguments.at("HyperParameterTuningJobConfig", "ParameterRanges")
    return [item for _, kind in found.members() for item in kind.items()]


def _optimizers(step: WrittenStep) -> list[str]:
    """Return the names of the optimizers that a search tries, or that a training is told."""
    tried = [item["Values"].items() for item in _ranges(step) if item["Name"].text == "optimizer"]
    nodes = tried[0] if tried else [hyperparameters(step)["optimizer"]]
    return [text for node in nodes if (text := plain_text(node)) is not None]


def _strays(step: WrittenStep) -> Iterator[Problem]:
    """Report arguments that are neither an option nor the value of one."""
    taken = True
    for argument in step.arguments.at("AppSpecification", "ContainerArguments").items():
        is_option = (argument.text or "").startswith("--")
        if taken and not is_option:
            what = f"{shown(argument.value)} belongs to no option"
            yield Problem(argument.path, what, "put its option before it")
        taken = not is_option or "=" in (argument.text or "")


def _reads_as(kind: OptionType, value: str) -> bool:
    if isinstance(kind, tuple):
        return value.strip().strip('"').lower() in (word.lower() for word in kind)
    if kind == "bool":
        return value.lower() in _FLAGS
    readers = {"int": int, "float": float, "text": str}
    try:
        readers[kind](value)
    except ValueError:
        return False
    return True


RULES: tuple[Rule, ...] = (
    script_names,
    script_options,
    ranges_without_effect,
    hyperparameters_in_a_shell,
    script_channels,
    script_files,
    lambda_events,
)
