"""Read infra/template.yaml, and write it as the smallest text that means the same."""

import json
from pathlib import Path
from typing import Any

import yaml

try:
    from yaml import CSafeLoader as _SafeLoader  # ten times as fast
except ImportError:  # a PyYAML that was built without libyaml
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]


class _Loader(_SafeLoader):
    """Read YAML with CloudFormation's short tags: !Sub x as {"Fn::Sub": x}."""


def _construct(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        raise yaml.constructor.ConstructorError(
            None, None, f"!{suffix} takes a text or a list here", node.start_mark
        )
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)  # the only form that JSON has
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _construct)

# What a request takes is less than the template: these make the bucket that the whole goes through.
_FIRST = ("Bucket", "BucketPolicy")


def load_template(path: Path) -> dict[str, Any]:
    """Return the template with its functions by their full names, nothing resolved."""
    template: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506
    return template


def request_text(path: Path) -> str:
    """Return the template as CloudFormation gets it: JSON, a quarter smaller than the YAML.

    What only a linter reads, a resource's Metadata, stays here.
    """
    return _text(load_template(path))


def first_text(path: Path) -> str:
    """Return the part of the template that makes the bucket, with all of its parameters."""
    template = load_template(path)
    template["Resources"] = {name: template["Resources"][name] for name in _FIRST}
    template["Outputs"] = {"Bucket": template["Outputs"]["Bucket"]}
    return _text(template)


def _text(template: dict[str, Any]) -> str:
    for resource in template["Resources"].values():
        resource.pop("Metadata", None)
    return json.dumps(template, separators=(",", ":"))
