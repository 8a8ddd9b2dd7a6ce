"""Any JSON value can be walked through with its paths."""

from pipeline.definition.node import Node, path_text, shown


def test_paths_and_values_are_shown_briefly() -> None:
    assert path_text(("Steps", 0, "Std:Join", "a_b", "")) == '$.Steps[0]["Std:Join"].a_b[""]'
    assert shown("é" * 100) == '"' + "é" * 58 + "…"


def test_what_is_absent_reads_as_nothing() -> None:
    node = Node({"a": [1, {"b": "c"}]})
    assert node["x"]["y"].items() == []
    assert node["a"].members() == []
    assert [inner.path for inner in node.walk()] == [(), ("a",), ("a", 0), ("a", 1), ("a", 1, "b")]
