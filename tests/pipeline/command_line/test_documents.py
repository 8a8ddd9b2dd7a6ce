"""What a command prints for programs is JSON, whatever it holds."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.command_line.documents import json_line, json_text, members_of


@dataclass(frozen=True)
class Inner:
    """A dataclass within another."""

    value: float | None


@dataclass(frozen=True)
class Outer:
    """A dataclass with another."""

    name: str
    inner: tuple[Inner, ...]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (
            Outer("a", (Inner(0.5), Inner(None))),
            {"name": "a", "inner": [{"value": 0.5}, {"value": None}]},
        ),
        (Inner(math.nan), {"value": None}),
        ([math.inf, -math.inf, 1, True], [None, None, 1, True]),
        (datetime(2026, 11, 29, 18, 0, tzinfo=UTC), "2026-11-29T18:00:00+00:00"),
        (Path("a/b"), "a/b"),
        ({200: 1}, {"200": 1}),
        (b"picture", "7 bytes"),
        ("caf\u00e9 \u202e \udcff", "caf\u00e9 \u202e \udcff"),
    ],
)
def test_a_value_becomes_json(value: Any, read: Any) -> None:
    assert json.loads(json_text(value)) == read
    assert json.loads(json_line(value)) == read
    assert json_text(value).isascii()  # no terminal and no encoding can stumble over it


def test_a_document_may_have_more_members_than_its_type() -> None:
    assert json.loads(json_text(members_of(Inner(1.0)) | {"more": 2})) == {"value": 1.0, "more": 2}


def test_what_has_no_json_is_a_fault_and_not_a_text() -> None:
    with pytest.raises(TypeError):
        json_text(object())
