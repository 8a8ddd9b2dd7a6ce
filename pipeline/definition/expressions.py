"""Resolve a definition's functions to values while it runs: Get, Std:Join, Std:JsonGet.

Nothing here starts anything: a scope goes in, plain JSON values come out.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.definition.errors import DefinitionError, UnresolvedError
from pipeline.errors import UsageError
from pipeline.suggestions import suggest

Part = str | int

_TOKEN = re.compile(
    r"""(?P<name>[^.\[\]'"]+)
      | \[ (?P<index>[0-9]{1,9}) \]
      | \[ '(?P<single>(?:[^'\\]|\\.)*)' \]
      | \[ "(?P<double>(?:[^"\\]|\\.)*)" \]""",
    re.VERBOSE | re.DOTALL,
)
_STEP_REFERENCE = 3  # Steps.<name>.<member>


# With what a check takes for their values, which only a run has.
EXECUTION_VARIABLES: Mapping[str, str] = {
    "PipelineName": "pipeline",
    "PipelineArn": "arn:aws:sagemaker:us-east-1:111122223333:pipeline/pipeline",
    "PipelineExecutionId": "abcdefghijkl",
    "PipelineExecutionArn": (
        "arn:aws:sagemaker:us-east-1:111122223333:pipeline/pipeline/execution/abcdefghijkl"
    ),
    "StartDateTime": "2020-12-01T00:00:00Z",
    "CurrentDateTime": "2020-12-01T00:00:00Z",
    "TrainingJobName": "pipelines-abcdefghijkl-Train-abcdefghij",
    "ProcessingJobName": "pipelines-abcdefghijkl-Process-abcdefghij",
}


@dataclass(frozen=True)
class PropertyFile:
    """A JSON file that a processing step writes: `path` inside the output named `output`."""

    output: str
    path: str


@dataclass(frozen=True)
class Scope:
    """The values that references can reach.

    `steps` holds the properties of ended steps (the shape of their Describe answers),
    `property_files` the declared files by (step, name); `locate` returns the file of a URI.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    execution: Mapping[str, Any] = field(default_factory=dict)
    steps: Mapping[str, Any] = field(default_factory=dict)
    property_files: Mapping[tuple[str, str], PropertyFile] = field(default_factory=dict)
    locate: Callable[[str], Path] = Path


def parse_path(text: str) -> tuple[Part, ...]:
    """Parse `a.b['c.d'][0]` into ("a", "b", "c.d", 0). Raises DefinitionError otherwise."""
    parts: list[Part] = []
    position = 0
    while position < len(text) or not parts:
        dotted = bool(parts) and text[position] == "."
        match = _TOKEN.match(text, position + dotted)
        bare = match is not None and match["name"] is not None
        # A name follows a dot, a bracket follows directly; a path may begin with either.
        if match is None or (parts and bare != dotted):
            raise DefinitionError(
                f"cannot read the path {text!r} at character {position + 1}: "
                "write names as a.b, keys as ['a.b'] and positions as [0]"
            )
        parts.append(_part(match))
        position = match.end()
    return tuple(parts)


def _part(match: re.Match[str]) -> Part:
    if (index := match["index"]) is not None:
        return int(index)
    if (name := match["name"]) is not None:
        return name
    quoted = match["single"] if match["single"] is not None else match["double"]
    return re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)


def follow(value: Any, path: Sequence[Part], where: str) -> Any:
    """Return what a path leads to. A key on a list finds the item of that name (OutputName, …).

    Raises UnresolvedError.
    """
    for part in path:
        value = _member(value, part, where)
    return value


def _member(value: Any, part: Part, where: str) -> Any:
    if isinstance(value, Mapping):
        if str(part) in value:
            return value[str(part)]
        hint = suggest(str(part), list(value))
        raise UnresolvedError(f"{where}: there is no {part!r}; {hint}")
    if isinstance(value, Sequence) and not isinstance(value, str):
        if isinstance(part, int):
            if part < len(value):
                return value[part]
            raise UnresolvedError(f"{where}: there is no item {part} in a list of {len(value)}")
        for item in value:
            if isinstance(item, Mapping) and part in _names(item):
                return item
    raise UnresolvedError(f"{where}: there is no {part!r}")


def _names(item: Mapping[str, Any]) -> list[Any]:
    return [value for key, value in item.items() if key.endswith("Name")]


def references(value: Any) -> Iterator[str]:
    """Yield every path that a value Gets, at any depth, also through property files."""
    if isinstance(value, Mapping):
        if value.keys() == {"Get"} and isinstance(value["Get"], str):
            yield value["Get"]
            return
        value = value.values()
    elif not isinstance(value, list | tuple):
        return
    for inner in value:
        yield from references(inner)


def resolve(value: Any, scope: Scope) -> Any:
    """Replace every function in a JSON value by what it stands for.

    Raises UnresolvedError when a reference leads to nothing, DefinitionError when a function is
    not one of Get, Std:Join and Std:JsonGet.
    """
    if isinstance(value, list | tuple):
        return [resolve(inner, scope) for inner in value]
    if not isinstance(value, Mapping):
        return value
    if len(value) == 1:
        [(function, argument)] = value.items()
        if function == "Get" and isinstance(argument, str):
            return _get(argument, scope)
        if function.startswith("Std:"):
            return _call(function, argument, scope)
    return {key: resolve(inner, scope) for key, inner in value.items()}


def text(value: Any) -> str:
    """Return a value as the string that a job receives: true and false as in JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    raise UnresolvedError(f"a {type(value).__name__} stands where one value is needed")


def _get(reference: str, scope: Scope) -> Any:
    root, *rest = parse_path(reference)
    if root == "Parameters" and len(rest) == 1:
        return follow(scope.parameters, rest, reference)
    if root == "Execution" and len(rest) == 1:
        return follow(scope.execution, rest, reference)
    if root == "Steps" and len(rest) >= _STEP_REFERENCE - 1:
        return follow(scope.steps, rest, reference)
    raise DefinitionError(
        f"cannot read the reference {reference!r}: write Parameters.<name>, Execution.<name> or "
        "Steps.<step>.<property>"
    )


def _call(function: str, argument: Any, scope: Scope) -> Any:
    try:
        if function == "Std:Join":
            values = [text(resolve(value, scope)) for value in argument["Values"]]
            return str(argument.get("On", "")).join(values)
        if function == "Std:JsonGet":
            return _json_get(argument, scope)
    except (KeyError, TypeError, AttributeError) as error:
        raise DefinitionError(f"{function} is not written as it should be: {argument}") from error
    raise DefinitionError(f"unknown function {function!r}: there are Get, Std:Join, Std:JsonGet")


def _json_get(argument: Mapping[str, Any], scope: Scope) -> Any:
    uri = (
        text(resolve(argument["S3Uri"], scope))
        if "S3Uri" in argument
        else _property_file_uri(argument["PropertyFile"]["Get"], scope)
    )
    try:
        content = json.loads(scope.locate(uri).read_text())
    except UsageError:
        raise
    except OSError as error:
        raise UnresolvedError(f"cannot read {uri}: {error.strerror or error}") from error
    except ValueError as error:
        raise UnresolvedError(f"{uri} is not JSON: {error}") from error
    return follow(content, parse_path(argument["Path"]), f"{argument['Path']} in {uri}")


def _property_file_uri(reference: str, scope: Scope) -> str:
    parts = parse_path(reference)
    if len(parts) != 4 or parts[0] != "Steps" or parts[2] != "PropertyFiles":
        raise DefinitionError(f"{reference!r} is not Steps.<step>.PropertyFiles.<name>")
    step, name = str(parts[1]), str(parts[3])
    file = scope.property_files.get((step, name))
    if file is None:
        raise DefinitionError(f"step {step} has no property file {name!r}")
    path = (step, "ProcessingOutputConfig", "Outputs", file.output, "S3Output", "S3Uri")
    return f"{follow(scope.steps, path, reference)}/{file.path}"
