"""What SageMaker's XGBoost is given, against what its container takes.

The container's own validation (hyperparameter_validation.py of aws/sagemaker-xgboost-container)
refuses what is an error here, and takes the rest.
"""

from typing import Any

import pytest

from pipeline.check import check_definition, findings_text
from pipeline.check.algorithms import HYPERPARAMETERS, METRICS

Definition = dict[str, Any]

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
GIVEN = {"num_round": "50", "objective": "reg:squarederror", "eval_metric": "rmse,mae"}


def job(image: Any = IMAGE, **more: Any) -> Definition:
    """What a training and a trial have in common."""
    return {
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "ResourceConfig": {
            "InstanceType": "ml.m5.xlarge",
            "InstanceCount": 1,
            "VolumeSizeInGB": 30,
        },
        "RoleArn": "arn:aws:iam::111122223333:role/theirs",
        **more,
    }


def training(told: dict[str, Any], **more: Any) -> Definition:
    step = {"Name": "Train", "Type": "Training", "Arguments": job(HyperParameters=told, **more)}
    return {"Version": "2020-12-01", "Parameters": [], "Steps": [step]}


def tuning(objective: str = "validation:rmse", name: str = "eta", most: str = "1") -> Definition:
    ranges = {"ContinuousParameterRanges": [{"Name": name, "MinValue": "0", "MaxValue": most}]}
    config = {
        "Strategy": "Random",
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 3},
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": objective},
        "ParameterRanges": ranges,
    }
    trial = job(StaticHyperParameters=GIVEN)
    arguments = {"HyperParameterTuningJobConfig": config, "TrainingJobDefinition": trial}
    step = {"Name": "Tune", "Type": "Tuning", "Arguments": arguments}
    return {"Version": "2020-12-01", "Steps": [step]}


def rules(definition: Definition) -> set[str]:
    return {finding.rule for finding in check_definition(definition)}


def test_nothing_is_found_in_what_the_container_takes() -> None:
    for definition in (training(GIVEN), tuning(), tuning("validation:mae", "lambda", "9")):
        findings = check_definition(definition)
        assert not findings, findings_text(findings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("eta", "1"),
        ("learning_rate", "0"),
        ("subsample", "1.0"),
        ("max_depth", "0"),
        ("max_depth", '"6"'),
        ("tree_method", "hist"),
        ("eval_metric", "error@0.7,ndcg@3"),
        ("eval_metric", "f1_macro"),
        ("updater", "grow_colmaker,prune"),
        ("scale_pos_weight", "1e-9"),
        ("silent", "0"),
        ("monotone_constraints", "(1,-1)"),
        ("objective", "count:poisson"),
    ],
)
def test_a_value_that_will_do(name: str, value: str) -> None:
    assert rules(training({**GIVEN, name: value})) == set()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("eta", "1.01"),
        ("subsample", "0"),
        ("max_depth", "6.0"),
        ("max_depth", "-1"),
        ("num_round", "0"),
        ("tree_method", "histogram"),
        ("eval_metric", "rsme"),
        ("eval_metric", ""),
        ("eval_metric", "rmse@0.7"),
        ("eval_metric", "error@high"),
        ("eval_metric", "auc"),  # not of a regression
        ("updater", "prune,grow"),
        ("verbosity", "4"),
        ("objective", "reg:squared"),
        ("objective", "multi:softmax"),  # which needs num_class
        ("prob_buffer_row", "1"),
        ("sketch_eps", "1"),
        ("max_dept", "6"),
        ("n_estimators", "100"),
        ("num_class", "1"),
        ("alpha", "much"),
    ],
)
def test_a_value_that_ends_the_job(name: str, value: str) -> None:
    assert rules(training({**GIVEN, name: value})) == {"algorithm-hyperparameter"}


def test_what_the_container_needs_may_be_searched_instead() -> None:
    definition = tuning()
    arguments = definition["Steps"][0]["Arguments"]
    arguments["TrainingJobDefinition"]["StaticHyperParameters"] = {"eta": "0.1"}
    config = arguments["HyperParameterTuningJobConfig"]
    rounds = {"Name": "num_round", "MinValue": "1", "MaxValue": "9"}
    config["ParameterRanges"] = {"IntegerParameterRanges": [rounds]}
    assert rules(definition) == set()
    rounds["Name"] = "max_depth"
    assert rules(definition) == {"algorithm-hyperparameter"}


@pytest.mark.parametrize(
    ("definition", "rule"),
    [
        (tuning("validation:rsme"), "algorithm-objective"),
        (tuning("rmse"), "algorithm-objective"),
        (tuning("train:rmse"), "algorithm-objective"),
        (tuning(most="1.5"), "algorithm-hyperparameter"),
    ],
)
def test_what_tuning_cannot_search_or_look_at(definition: Definition, rule: str) -> None:
    assert rules(definition) == {rule}


def test_a_range_of_what_aws_does_not_tune_is_a_warning() -> None:
    findings = check_definition(tuning(name="skip_drop"))
    assert [(one.severity, one.rule) for one in findings] == [("warning", "algorithm-tunable")]
    assert rules(tuning(name="eat")) == {"algorithm-hyperparameter", "algorithm-tunable"}


def test_a_parameters_default_is_judged_as_the_value_it_is() -> None:
    told = {**GIVEN, "eta": {"Get": "Parameters.Eta"}}
    eta = {"Name": "Eta", "Type": "String", "DefaultValue": "2"}
    definition = {**training(told), "Parameters": [eta]}
    assert rules(definition) == {"algorithm-hyperparameter"}
    del eta["DefaultValue"]
    assert rules(definition) == set()


@pytest.mark.parametrize(
    "more",
    [
        {"Environment": {"SAGEMAKER_PROGRAM": "train.py"}},
        {
            "InputDataConfig": [
                {
                    "ChannelName": "code",
                    "DataSource": {
                        "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/code"}
                    },
                }
            ]
        },
        {"AlgorithmSpecification": {"TrainingImage": "me/xgboost:1", "TrainingInputMode": "File"}},
    ],
)
def test_a_script_or_an_image_of_their_own_takes_what_it_likes(more: Definition) -> None:
    assert rules(training({"n_estimators": "7"}, **more)) == set()
    told = {"n_estimators": "7", "sagemaker_program": '"train.py"'}
    assert rules(training(told)) == set()


def test_a_script_of_theirs_may_be_tuned_for_a_metric_that_xgboost_computes() -> None:
    """As AWS's example of XGBoost in script mode does: its image brings the definitions."""
    definition = tuning()
    trial = definition["Steps"][0]["Arguments"]["TrainingJobDefinition"]
    trial["StaticHyperParameters"] = {
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": "s3://bucket/code/sourcedir.tar.gz",
    }
    assert rules(definition) == set()


def test_each_hyperparameter_says_what_it_takes() -> None:
    """No entry refuses everything: a text that cannot be right shows what would be."""
    for name, known in HYPERPARAMETERS.items():
        wanted = known.fault("no such value")
        assert wanted or known.kind == "any", name
    assert HYPERPARAMETERS["subsample"].fault("2") == "a number above 0 and at most 1"
    assert HYPERPARAMETERS["max_depth"].fault("x") == "a whole number at least 0"
    assert len(set(METRICS)) == len(METRICS)
