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


_DEEPEST = 40  # levels; settings have 6
_MOST_VALUES = 20_000  # with what aliases repeat; settings have a few hundred
_LONGEST_NUMBER = 40  # digits


class YamlProblem(Exception):
    """The text is no YAML that settings can be read from; `line` counts from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


class _Loader(yaml.SafeLoader):
    """SafeLoader with the resolvers of YAML 1.2's core schema, and a limit to nesting."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self._depth >= _DEEPEST:
            line: int = self.line + 1
            raise YamlProblem(line, f"nested deeper than {_DEEPEST} levels")
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}",
        re.compile(f"^(?:{_pattern})$"),
        [character.strip("\0") for character in _first],
    )


def read_yaml(text: str) -> tuple[Any, dict[Keys, int]]:
    """Return the data in `text`, and the line (from 1) of each path in it. Raises YamlProblem.

    What is nested deep, or large by aliases, is refused before it takes time or memory.
    """
    lines: dict[Keys, int] = {}
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        _refuse_many(node)
        data = None if node is None else _construct(loader, node, (), lines)
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


def _refuse_many(root: yaml.Node | None) -> None:
    """Refuse aliases that repeat each other to more values than settings have."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node, above: frozenset[int]) -> int:
        if id(node) in above:
            raise YamlProblem(node.start_mark.line + 1, "an anchor that contains itself")
        if id(node) not in sizes:
            within = above | {id(node)}
            sizes[id(node)] = 1 + sum(size(inner, within) for inner in _inner(node))
        if sizes[id(node)] > _MOST_VALUES:
            line = node.start_mark.line + 1
            raise YamlProblem(line, f"more than {_MOST_VALUES:,} values: aliases repeat each other")
        return sizes[id(node)]

    if root is not None:
        size(root, frozenset())


def _inner(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        yield from (inner for pair in node.value for inner in pair)
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _construct(loader: _Loader, node: yaml.Node, path: Keys, lines: dict[Keys, int]) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return {
            key: _construct(loader, value, (*path, key), lines)
            for key, value in _pairs(loader, node, path, lines)
        }
    if isinstance(node, yaml.SequenceNode):
        return [
            _construct(loader, value, (*path, number), lines)
            for number, value in enumerate(node.value)
        ]
    return _scalar(loader, node)


def _scalar(loader: _Loader, node: yaml.Node) -> Any:
    line = node.start_mark.line + 1
    if node.tag.endswith((":int", ":float")) and len(node.value) > _LONGEST_NUMBER:
        raise YamlProblem(line, f"a number of {len(node.value):,} characters")
    try:
        return loader.construct_object(node)
    except ValueError as error:
        raise YamlProblem(line, str(error)) from error


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
