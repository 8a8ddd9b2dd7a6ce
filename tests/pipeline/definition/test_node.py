"""Any JSON value can be walked through with its paths."""

import json

from pipeline.definition.node import Node, one_line, path_text, printable, shown


def test_paths_and_values_are_shown_briefly() -> None:
    assert path_text(("Steps", 0, "Std:Join", "a_b", "")) == '$.Steps[0]["Std:Join"].a_b[""]'
    assert shown("é" * 100) == '"' + "é" * 58 + "…"


def test_what_is_absent_reads_as_nothing() -> None:
    node = Node({"a": [1, {"b": "c"}]})
    assert node["x"]["y"].items() == []
    assert node["a"].members() == []
    assert [inner.path for inner in node.walk()] == [(), ("a",), ("a", 0), ("a", 1), ("a", 1, "b")]


def test_what_a_terminal_should_not_see_is_escaped_as_json_does() -> None:
    text = "é\t\x1b\x7f\u202e\ud800\U000e0001\n"
    assert printable(text) == r"é\u0009\u001b\u007f\u202e\ud800\udb40\udc01" + "\n"
    assert one_line("a\nb") == r"a\u000ab"
    assert json.loads(f'"{one_line(text)}"') == text
