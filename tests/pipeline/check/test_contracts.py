"""What the checks know of our code, against that code: options, metrics, files, events."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.check.rules.debugger import BUILT_IN_COLLECTIONS, BUILT_IN_RULES
from pipeline.definition.node import Node
from pipeline.job_scripts.interface import FUNCTIONS, SCRIPTS
from pipeline.job_scripts.metrics import REGEXES

ROOT = Path(__file__).parents[3]
TRAINING = ROOT / "training_code"


def test_every_metric_reads_one_number_of_a_line_and_is_on_one() -> None:
    for name, regex in REGEXES.items():
        found = [len(re.findall(regex, line)) for line in SCRIPTS["train.py"].lines]
        assert max(found) == 1, name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_takes_and_answers_what_is_known_of_it(name: str) -> None:
    tree = ast.parse((ROOT / "lambda_code" / f"{name.replace('-', '_')}.py").read_text())
    known = FUNCTIONS[name]
    assert set(known.event) == set(_constant(tree, "_FIELDS"))
    assert set(known.outputs) in _keys(tree)


def test_the_data_set_description_has_the_documented_names() -> None:
    tree = ast.parse((TRAINING / "prepare.py").read_text())
    assert set(SCRIPTS["prepare.py"].files["dataset.json"]) in _keys(tree)


def test_the_evaluation_has_the_documented_names() -> None:
    import numpy as np

    from evaluation import model_quality

    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]], dtype=np.float32)
    outcomes = model_quality.outcomes_of(np.array([0, 1]), probabilities)
    metrics = model_quality.multiclass_metrics(outcomes, ["a", "b"])
    documented = SCRIPTS["evaluate.py"].files["evaluation.json"]
    tree = ast.parse((TRAINING / "evaluation" / "champion.py").read_text())
    assert set(documented["champion"]) in _keys(tree)
    assert set(documented["multiclass_classification_metrics"]) == set(metrics)
    for name, value in documented["multiclass_classification_metrics"].items():
        if "value" in value:
            assert set(value) == set(metrics[name]), name


def test_built_in_rules_are_those_of_the_debugger() -> None:
    import smdebug_rulesconfig

    names = set()
    for name in vars(smdebug_rulesconfig):
        make: Any = getattr(smdebug_rulesconfig, name)
        if name.islower() and callable(make) and not name.startswith(("get_", "is_", "_")):
            rule = make()["DebugRuleConfiguration"]
            names.add(rule["RuleParameters"]["rule_to_invoke"])
    assert set(BUILT_IN_RULES) == names


def test_built_in_collections_are_those_of_smdebug() -> None:
    collection = pytest.importorskip("smdebug.core.collection")

    assert set(BUILT_IN_COLLECTIONS) == (
        collection.DEFAULT_PYTORCH_COLLECTIONS
        | collection.DEFAULT_TF_COLLECTIONS
        | collection.DEFAULT_MXNET_COLLECTIONS
        | collection.DEFAULT_XGBOOST_COLLECTIONS
    )


def test_own_shapes_hide_none_of_botocore() -> None:
    from botocore.loaders import Loader

    from pipeline.check.own_shapes import own_shapes

    known = Loader().load_service_model("sagemaker", "service-2")["shapes"]
    for name, shape in own_shapes(known).items():
        if name in known:
            assert {key: value for key, value in shape.items() if key != "one_of"} == known[name]
            for group in shape["one_of"]:
                assert set(group) <= set(known[name]["members"])


def test_every_shape_that_is_named_exists() -> None:
    from pipeline.check.shapes import load_shapes

    shapes = load_shapes()
    for shape in shapes.values():
        for node in Node(dict(shape)).walk():
            if node.key == "shape":
                assert node.value in shapes


def _keys(tree: ast.Module) -> list[set[str]]:
    """The keys of every literal object in a file."""
    literals = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    return [{str(k.value) for k in one.keys if isinstance(k, ast.Constant)} for one in literals]


def _constant(tree: ast.Module, name: str) -> Any:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"no {name}")
