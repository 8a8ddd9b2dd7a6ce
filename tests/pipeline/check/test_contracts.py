"""What the checks know of our code, against that code: options, metrics, files, events."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.check.kinds import KINDS, UNDESCRIBED
from pipeline.check.own_shapes import own_shapes
from pipeline.check.rules.debugger import BUILT_IN_COLLECTIONS, BUILT_IN_RULES
from pipeline.check.rules.jobs import MOST_TRAINING_SECONDS
from pipeline.check.shapes import botocore_shapes, load_shapes
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
    inputs = ast.parse((ROOT / "lambda_code" / "deployment_inputs.py").read_text())
    asks = inputs if known.either else tree
    assert set(known.event) == set(_constant(asks, "_FIELDS"))
    groups = [_constant(asks, group) for group in ("_INSTANCES", "_SERVERLESS") if known.either]
    assert list(known.either) == groups
    added = _added(tree)
    assert set(known.outputs) in [keys | added for keys in _keys(tree)]


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
    known = botocore_shapes()
    for name, shape in own_shapes(known).items():
        if name in known:
            assert {key: value for key, value in shape.items() if key != "one_of"} == known[name]
            for group in shape["one_of"]:
                assert set(group) <= set(known[name]["members"])


def test_every_shape_that_is_named_exists() -> None:
    shapes = load_shapes()
    for shape in shapes.values():
        for node in Node(dict(shape)).walk():
            if node.key == "shape":
                assert node.value in shapes


def test_every_step_type_that_aws_names_is_known() -> None:
    """An execution's steps tell their type by the name of their metadata."""
    other = {"TrainingJob": "Training", "ProcessingJob": "Processing", "TuningJob": "Tuning"}
    other |= {"TransformJob": "Transform", "AutoMLJob": "AutoML"}
    named = botocore_shapes()["PipelineExecutionStepMetadata"]["members"]
    assert {other.get(name, name) for name in named} == {*KINDS, *UNDESCRIBED}


def test_the_longest_training_is_what_the_service_documents() -> None:
    stop = botocore_shapes()["StoppingCondition"]["members"]["MaxRuntimeInSeconds"]
    assert f"The maximum value is {MOST_TRAINING_SECONDS // 86_400} days" in stop["documentation"]


@pytest.mark.xdist_group("sdk")
@pytest.mark.parametrize(
    ("field", "inside"),
    [
        ("Name", False),
        ("Steps", False),
        ("AutoTerminationPolicy", False),
        ("KeepJobFlowAliveWhenNoSteps", True),
        ("TerminationProtected", True),
    ],
)
def test_what_the_sdk_refuses_of_an_emr_cluster_is_no_field_of_it(field: str, inside: bool) -> None:
    from sagemaker.workflow.emr_step import EMRStep, EMRStepConfig

    shapes = load_shapes()
    cluster = shapes["PipelineEMRCluster"]["members"]
    instances = shapes[cluster["Instances"]["shape"]]["members"]
    assert field not in (instances if inside else cluster)
    config: dict[str, Any] = {"Instances": {"InstanceGroups": []}}
    (config["Instances"] if inside else config)[field] = []
    with pytest.raises(ValueError, match=field):
        EMRStep("Spark", "", "", None, EMRStepConfig("a.jar"), cluster_config=config)  # type: ignore[arg-type]


def _keys(tree: ast.Module) -> list[set[str]]:
    """The keys of every literal object in a file."""
    literals = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    return [{str(k.value) for k in one.keys if isinstance(k, ast.Constant)} for one in literals]


def _added(tree: ast.Module) -> set[str]:
    """The keys that a file adds to its `answer`."""
    targets = [t for node in ast.walk(tree) if isinstance(node, ast.Assign) for t in node.targets]
    return {
        str(target.slice.value)
        for target in targets
        if isinstance(target, ast.Subscript)
        and ast.unparse(target.value) == "answer"
        and isinstance(target.slice, ast.Constant)
    }


def _constant(tree: ast.Module, name: str) -> Any:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"no {name}")
