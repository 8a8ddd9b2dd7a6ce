"""References and functions resolve to what they stand for, or say what is missing."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.definition.errors import DefinitionError, UnresolvedError
from pipeline.definition.expressions import (
    Part,
    PropertyFile,
    Scope,
    follow,
    parse_path,
    references,
    resolve,
    text,
)

names = st.text(min_size=1).filter(lambda s: not set(s) & set(".[]'\""))
parts = st.lists(
    st.one_of(st.text(), st.integers(min_value=0, max_value=10**6)), min_size=1, max_size=6
)
plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
    lambda inner: st.one_of(
        st.lists(inner),
        st.dictionaries(st.text().filter(lambda k: k[:4] not in ("Get", "Std:")), inner),
    ),
)


def _write(path: list[Part], quote: str) -> str:
    def one(part: Part) -> str:
        if isinstance(part, int):
            return f"[{part}]"
        escaped = re.sub(rf"([\\{quote}])", r"\\\1", part)
        return f"[{quote}{escaped}{quote}]"

    return "".join(map(one, path))


@given(parts, st.sampled_from("'\""))
def test_a_bracketed_path_reads_back_as_it_was_written(path: list[Part], quote: str) -> None:
    assert parse_path(_write(path, quote)) == tuple(path)


@given(st.lists(names, min_size=1, max_size=5))
def test_a_dotted_path_reads_back_as_it_was_written(path: list[str]) -> None:
    assert parse_path(".".join(path)) == tuple(path)


@given(st.text())
def test_any_text_is_a_path_or_a_definition_error(written: str) -> None:
    try:
        assert parse_path(written)
    except DefinitionError as error:
        assert "cannot read the path" in str(error)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("", 1),
        ("a.", 2),
        (".a", 1),
        ("a['b'", 2),
        ("a[x]", 2),
        pytest.param(f"a[{'1' * 5000}]", 2, id="a number that Python does not read"),
        ("a.[0]", 2),
        ("['a']b", 6),
    ],
)
def test_a_malformed_path_is_refused(path: str, place: int) -> None:
    with pytest.raises(DefinitionError, match=f"at character {place}:"):
        parse_path(path)


@given(plain)
def test_a_value_without_functions_stays_as_it_is(value: Any) -> None:
    assert resolve(value, Scope()) == value


@given(parts.filter(lambda p: isinstance(p[0], str)), st.integers())
def test_follow_finds_what_lies_at_a_path(path: list[Part], value: int) -> None:
    tree: Any = value
    for part in reversed(path):
        tree = {str(part): tree}
    assert follow(tree, path, "here") == value


SCOPE = Scope(
    parameters={"Threshold": 0.6, "Count": 3, "Fast": True, "Data": "s3://b/data"},
    execution={"PipelineExecutionId": "abc"},
    steps={
        "Tune": {"BestTrainingJob": {"TunedHyperParameters": {"lr": "0.1", "a.b": "x"}}},
        "Prepare": {
            "ProcessingOutputConfig": {
                "Outputs": [
                    {"OutputName": "other", "S3Output": {"S3Uri": "s3://b/other"}},
                    {"OutputName": "dataset", "S3Output": {"S3Uri": "s3://b/dataset"}},
                ]
            }
        },
    },
)
S3_URI = "S3Output.S3Uri"


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ("Parameters.Count", 3),
        ("Execution.PipelineExecutionId", "abc"),
        ("Steps.Tune.BestTrainingJob.TunedHyperParameters['lr']", "0.1"),
        ('Steps.Tune.BestTrainingJob.TunedHyperParameters["a.b"]', "x"),
        (f"Steps.Prepare.ProcessingOutputConfig.Outputs['dataset'].{S3_URI}", "s3://b/dataset"),
        (f"Steps.Prepare.ProcessingOutputConfig.Outputs[0].{S3_URI}", "s3://b/other"),
    ],
)
def test_get(reference: str, value: Any) -> None:
    assert resolve({"deep": [{"Get": reference}]}, SCOPE) == {"deep": [value]}


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("Steps.Tune.BestTrainingJob.TunedHyperParameters['lrr']", "did you mean lr"),
        ("Steps.Prepare.ProcessingOutputConfig.Outputs['x']", "no 'x'"),
        ("Steps.Prepare.ProcessingOutputConfig.Outputs[2]", "no item 2 in a list of 2"),
        ("Steps.Train.TrainingJobName", "no 'Train'"),
        ("Steps.Tune.BestTrainingJob.TunedHyperParameters['lr'].x", "no 'x'"),
        ("Steps.Tune.BestTrainingJob.TunedHyperParameters['lr'][0]", "no 0"),
    ],
)
def test_a_reference_to_nothing_says_what_is_missing(reference: str, message: str) -> None:
    with pytest.raises(UnresolvedError, match=re.escape(message)):
        resolve({"Get": reference}, SCOPE)


@pytest.mark.parametrize(
    "reference",
    ["Count", "Parameters", "Parameters.a.b", "Globals.x", "Steps.Tune", "Execution.a.b"],
)
def test_a_reference_of_no_known_form_is_refused(reference: str) -> None:
    with pytest.raises(DefinitionError):
        resolve({"Get": reference}, SCOPE)


def test_join_makes_one_text_of_every_kind_of_value() -> None:
    values = ["s3:/", {"Get": "Parameters.Count"}, {"Get": "Parameters.Threshold"}, True, 1e-05]
    inner = {"Std:Join": {"Values": ["a", "b"]}}
    joined = resolve({"Std:Join": {"On": "/", "Values": [*values, inner]}}, SCOPE)
    assert joined == "s3://3/0.6/true/1e-05/ab"


@pytest.mark.parametrize(
    "function",
    [{"Std:Split": {}}, {"Std:Join": {"On": "/"}}, {"Std:Join": 3}, {"Std:JsonGet": {"Path": "a"}}],
)
def test_a_function_that_is_none_or_miswritten_is_refused(function: Any) -> None:
    with pytest.raises(DefinitionError):
        resolve(function, SCOPE)


def test_a_join_of_a_whole_structure_is_refused() -> None:
    with pytest.raises(UnresolvedError, match="dict"):
        resolve({"Std:Join": {"Values": [{"a": 1}]}}, SCOPE)


def _json_scope(tmp_path: Path, content: str) -> Scope:
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "dataset.json").write_text(content)
    return Scope(
        steps=SCOPE.steps,
        property_files={("Prepare", "Dataset"): PropertyFile("dataset", "dataset.json")},
        locate=lambda uri: tmp_path / uri.removeprefix("s3://b/"),
    )


def _json_get(path: str, name: str = "Dataset") -> Any:
    reference = {"Get": f"Steps.Prepare.PropertyFiles.{name}"}
    return {"Std:JsonGet": {"PropertyFile": reference, "Path": path}}


@pytest.mark.parametrize(
    ("path", "value"),
    [("counts.train['golden.retriever']", 4), ("classes[1]", "b"), ("['counts'].train.pug", 2)],
)
def test_json_get_reads_a_property_file(tmp_path: Path, path: str, value: Any) -> None:
    content = {"classes": ["a", "b"], "counts": {"train": {"golden.retriever": 4, "pug": 2}}}
    scope = _json_scope(tmp_path, json.dumps(content))
    assert resolve(_json_get(path), scope) == value


def test_json_get_reads_an_address(tmp_path: Path) -> None:
    scope = _json_scope(tmp_path, '{"a": 1}')
    uri = {"Std:Join": {"On": "/", "Values": ["s3://b", "dataset", "dataset.json"]}}
    assert resolve({"Std:JsonGet": {"S3Uri": uri, "Path": "a"}}, scope) == 1


@pytest.mark.parametrize(
    ("content", "message"), [("{", "is not JSON"), ('{"b": 1}', "no 'a'"), ("[]", "no 'a'")]
)
def test_json_get_says_what_is_wrong_with_the_file(
    tmp_path: Path, content: str, message: str
) -> None:
    with pytest.raises(UnresolvedError, match=message):
        resolve(_json_get("a"), _json_scope(tmp_path, content))


def test_json_get_of_a_file_that_was_not_written(tmp_path: Path) -> None:
    scope = _json_scope(tmp_path, "{}")
    (tmp_path / "dataset" / "dataset.json").unlink()
    with pytest.raises(UnresolvedError, match="No such file"):
        resolve(_json_get("a"), scope)


def test_json_get_of_an_undeclared_property_file(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="Prepare has no property file 'Other'"):
        resolve(_json_get("a", "Other"), scope := _json_scope(tmp_path, '{"a": 1}'))
    miswritten = {"PropertyFile": {"Get": "Steps.Prepare.Outputs.Dataset"}, "Path": "a"}
    with pytest.raises(DefinitionError, match="is not Steps"):
        resolve({"Std:JsonGet": miswritten}, scope)


def test_references_are_found_at_any_depth() -> None:
    value = {
        "a": [_json_get("x"), {"Get": "it", "Std:Join": {"Values": [{"Get": "Parameters.P"}]}}]
    }
    assert list(references(value)) == ["Steps.Prepare.PropertyFiles.Dataset", "Parameters.P"]


@pytest.mark.parametrize(
    ("value", "written"), [(True, "true"), (0.1, "0.1"), (3, "3"), ("x", "x"), (1e-7, "1e-07")]
)
def test_text(value: Any, written: str) -> None:
    assert text(value) == written
