"""A kept definition is used for as long as nothing that it is made of has changed."""

import pytest

from pipeline.command_line.running import ROOT
from pipeline.definition.compile_cache import definition_text
from pipeline.settings.loading import load_settings


@pytest.fixture
def text(tmp_path, monkeypatch):
    """The definition of the tree in tmp_path/tree: how often it was compiled, as text."""
    compiled: list[int] = []

    def compile_anew(settings, root):
        compiled.append(1)
        return str(len(compiled))

    monkeypatch.setattr("pipeline.definition.compile.definition_json", compile_anew)
    settings = load_settings(ROOT / "pipeline.yaml", None, ["backbone.weights=none"])
    return lambda: definition_text(settings, tmp_path / "tree", tmp_path / "state")


@pytest.mark.parametrize(
    "name",
    [
        "pipeline/new.py",
        "pipeline/a/b/new.py",
        "steps/a/new.py",
        "training_code/new.txt",
        "training_code/a/b/new.py",
        "inference_code/a/new.txt",
        "constraints.txt",
    ],
)
def test_a_new_file_is_compiled_and_so_is_another_content_of_it(name, text, tmp_path):
    path = tmp_path / "tree" / name
    path.parent.mkdir(parents=True)
    assert [text(), text()] == ["1", "1"]

    path.write_text("one")
    assert [text(), text()] == ["2", "2"]
    path.write_text("two")
    assert [text(), text()] == ["3", "3"]


def test_what_python_keeps_beside_the_code_changes_nothing(text, tmp_path):
    assert text() == "1"
    for folder in ("pipeline", "training_code/a", "inference_code"):
        kept = tmp_path / "tree" / folder / "__pycache__" / "module.cpython-311.pyc"
        kept.parent.mkdir(parents=True)
        kept.write_bytes(b"anything")

    assert text() == "1"


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: b"garbage" * 100,
        lambda content: b"\xff\xfe" + content,
        lambda content: content.replace(b"1", b"2"),
        lambda content: b'{"Version": "2020-12-01", "Steps": []}',
    ],
    ids=["empty", "cut", "half", "garbage", "no text", "changed", "not ours"],
)
def test_a_damaged_one_is_compiled_again(damage, text, tmp_path):
    assert text() == "1"
    (kept,) = (tmp_path / "state" / "definitions").iterdir()
    kept.write_bytes(damage(kept.read_bytes()))
    assert [text(), text()] == ["2", "2"]


def test_one_that_cannot_be_read_or_kept_is_compiled_each_time(text, tmp_path):
    assert text() == "1"
    (kept,) = (tmp_path / "state" / "definitions").iterdir()
    kept.unlink()
    kept.mkdir()
    assert [text(), text()] == ["2", "3"]
