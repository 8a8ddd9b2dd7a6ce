"""Read YAML as its users mean it, with the line of every key.

Unlike PyYAML's default: `1e-3` is a number, `off` and `no` are words, `0123` keeps its zero, and
a key given twice is an error.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from pipeline.settings.keys import Keys

_RESOLVERS = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("merge", r"<<", "<"),
)


class YamlProblem(Exception):
    """The text is no YAML that settings can be read from; `line` counts from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


class _Loader(yaml.SafeLoader):
    """SafeLoader with the resolvers of YAML 1.2's core schema."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}",
        re.compile(f"^(?:{_pattern})$"),
        [character.strip("\0") for character in _first],
    )


def read_yaml(text: str) -> tuple[Any, dict[Keys, int]]:
    """Return the data in `text`, and the line (from 1) of each path in it. Raises YamlProblem."""
    lines: dict[Keys, int] = {}
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        data = None if node is None else _construct(loader, node, (), lines, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(part for part in (error.problem, error.context) if part)
        raise YamlProblem(mark.line + 1 if mark else 1, what) from error
    except yaml.YAMLError as error:
        raise YamlProblem(1, str(error).splitlines()[0]) from error
    return data, lines


def read_scalar(text: str) -> Any:
    """Return the value of a YAML scalar, list or mapping in flow style. Raises YamlProblem."""
    return read_yaml(text)[0]


def _construct(
    loader: _Loader, node: yaml.Node, path: Keys, lines: dict[Keys, int], above: tuple[int, ...]
) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if id(node) in above:
        raise YamlProblem(node.start_mark.line + 1, "an anchor that contains itself")
    above = (*above, id(node))
    if isinstance(node, yaml.MappingNode):
        return {
            key: _construct(loader, value, (*path, key), lines, above)
            for key, value in _pairs(loader, node, path, lines)
        }
    if isinstance(node, yaml.SequenceNode):
        return [
            _construct(loader, value, (*path, number), lines, above)
            for number, value in enumerate(node.value)
        ]
    return _scalar(loader, node)


def _scalar(loader: _Loader, node: yaml.Node) -> Any:
    try:
        return loader.construct_object(node)
    except ValueError as error:
        raise YamlProblem(node.start_mark.line + 1, str(error)) from error


def _pairs(
    loader: _Loader, node: yaml.MappingNode, path: Keys, lines: dict[Keys, int]
) -> Iterator[tuple[str, yaml.Node]]:
    own = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
    _refuse_duplicates(own)
    loader.flatten_mapping(node)
    for key, value in {key.value: (key, value) for key, value in node.value}.values():
        if not isinstance(key, yaml.ScalarNode):
            raise YamlProblem(key.start_mark.line + 1, "a key must be a word")
        lines[(*path, key.value)] = key.start_mark.line + 1
        yield key.value, value


def _refuse_duplicates(keys: list[yaml.Node]) -> None:
    first: dict[str, int] = {}
    for key in keys:
        if not isinstance(key, yaml.ScalarNode):
            raise YamlProblem(key.start_mark.line + 1, "a key must be a word")
        line = key.start_mark.line + 1
        if key.value in first:
            raise YamlProblem(
                line, f"{key.value!r} is here twice (first on line {first[key.value]})"
            )
        first[key.value] = line
