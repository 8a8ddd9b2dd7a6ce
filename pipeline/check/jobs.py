"""Read from a job's step whose code it runs, which script of it, and with which options."""

from collections.abc import Iterator

from pipeline.assets.code_bundle import entry_of
from pipeline.definition.node import Node
from pipeline.definition.steps import WrittenStep
from pipeline.job_scripts.toolkit_arguments import decoded


def hyperparameters(step: WrittenStep) -> Node:
    """Return the fixed hyperparameters of a training or tuning step."""
    if step.type == "Tuning":
        return step.arguments.at("TrainingJobDefinition", "StaticHyperParameters")
    return step.arguments["HyperParameters"]


def plain_text(node: Node) -> str | None:
    """Return a hyperparameter's text, without the quotes that framework estimators write."""
    text = node.text
    inner = decoded(text) if text else text
    return inner if isinstance(inner, str) else text


def bundled_script(step: WrittenStep) -> str | None:
    """Return the script of ours that a job's bundle is of; None when the code is not ours."""
    if step.type == "Processing":
        addresses = [
            item["S3Input"]["S3Uri"] for item in step.arguments["ProcessingInputs"].items()
        ]
    else:
        # an isolated job gets its code as a channel
        addresses = [hyperparameters(step)["sagemaker_submit_directory"], *channels(step)]
    entries = (entry_of(plain_text(address) or "") for address in addresses)
    return next((entry for entry in entries if entry), None)


def channels(step: WrittenStep) -> Iterator[Node]:
    """Yield the addresses of what a training, or every trial of a tuning, is given."""
    jobs = [job for job, _ in searches(step)] if step.type == "Tuning" else [step.arguments]
    for job in jobs:
        for channel in job["InputDataConfig"].items():
            yield channel.at("DataSource", "S3DataSource", "S3Uri")


def searches(step: WrittenStep) -> Iterator[tuple[Node, list[Node]]]:
    """Yield each training job that a tuning step varies, with where its ranges stand."""
    one = step.arguments["TrainingJobDefinition"]
    if one.exists:
        ranges = step.arguments.at("HyperParameterTuningJobConfig", "ParameterRanges")
        yield one, [ranges, one["HyperParameterRanges"]]
    for job in step.arguments["TrainingJobDefinitions"].items():
        yield job, [job["HyperParameterRanges"]]


def names_in_ranges(ranges: list[Node]) -> list[str]:
    """Return the names of the hyperparameters that ranges are for, each as often as it stands."""
    named = [
        item["Name"].text
        for kinds in ranges
        for _, kind in kinds.members()
        for item in kind.items()
    ]
    return [name for name in named if name]


def script_node(step: WrittenStep) -> Node:
    """Return the node that names a job's script: the entrypoint's last part, or the program."""
    if step.type != "Processing":
        return hyperparameters(step)["sagemaker_program"]
    entrypoint = step.arguments.at("AppSpecification", "ContainerEntrypoint").items()
    return entrypoint[-1] if len(entrypoint) > 1 else Node()


def script_of(step: WrittenStep) -> str | None:
    """Return the file name of the script that a job step runs; None when it does not say."""
    text = plain_text(script_node(step))
    return text.rsplit("/", 1)[-1] if text else None


def options(step: WrittenStep) -> Iterator[tuple[str, Node, Node]]:
    """Yield the options of a job's script: (name, the node of the name, the value)."""
    if step.type != "Processing":
        for name, value in hyperparameters(step).members():
            if not name.startswith("sagemaker_"):
                yield name, value, value
        return
    arguments = step.arguments.at("AppSpecification", "ContainerArguments").items()
    for index, argument in enumerate(arguments):
        text = argument.text or ""
        if text.startswith("--"):
            name, equals, inline = text.removeprefix("--").partition("=")
            following = arguments[index + 1] if index + 1 < len(arguments) else Node()
            yield name, argument, Node(inline, argument.path) if equals else following
