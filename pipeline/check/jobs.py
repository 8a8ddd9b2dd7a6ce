"""Read from a job's step which script it runs, and with which options."""

from collections.abc import Iterator

from pipeline.definition.node import Node
from pipeline.definition.steps import WrittenStep


def hyperparameters(step: WrittenStep) -> Node:
    """Return the fixed hyperparameters of a training or tuning step."""
    if step.type == "Tuning":
        return step.arguments.at("TrainingJobDefinition", "StaticHyperParameters")
    return step.arguments["HyperParameters"]


def script_node(step: WrittenStep) -> Node:
    """Return the node that names a job's script: the entrypoint's last part, or the program."""
    if step.type != "Processing":
        return hyperparameters(step)["sagemaker_program"]
    entrypoint = step.arguments.at("AppSpecification", "ContainerEntrypoint").items()
    return entrypoint[-1] if len(entrypoint) > 1 else Node()


def script_of(step: WrittenStep) -> str | None:
    """Return the file name of the script that a job step runs; None when it does not say."""
    text = script_node(step).text
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
