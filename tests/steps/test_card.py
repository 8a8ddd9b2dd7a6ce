"""The model card in the definition: SageMaker's schema, filled by the run."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.definition.expressions import PropertyFile, Scope, resolve
from pipeline.definition.model_card import card_problems
from pipeline.job_scripts.interface import SCRIPTS

pytestmark = pytest.mark.xdist_group("sdk")
Step = Callable[..., dict[str, Any]]
EVALUATION = (SCRIPTS["evaluate.py"].files or {})["evaluation.json"]
ODD = 'Müller "& Söhne" \\u0000n0 \\ C:'


@pytest.fixture
def card(step: Step, tmp_path: Any) -> Callable[..., dict[str, Any]]:
    """`card("card.owner=me", ...)`: the card that a run would register, as SageMaker gets it."""

    def output(name: str) -> dict[str, Any]:
        return {"OutputName": name, "S3Output": {"S3Uri": str(tmp_path)}}

    (tmp_path / "evaluation.json").write_text(json.dumps(EVALUATION))
    tuned = {"lr": "0.003", "batch_size": "32", "weight_decay": "0.01", "optimizer": "SGD"}
    outputs = {"Outputs": [output("dataset"), output("test"), output("evaluation")]}
    processing = {"ProcessingJobArn": "arn:job/p", "ProcessingOutputConfig": outputs}
    training = {"TrainingJobArn": "arn:job/t", "ModelArtifacts": {"S3ModelArtifacts": "s3://b/m"}}
    scope = Scope(
        execution={"PipelineExecutionId": "abc"},
        steps={
            **{"Prepare": processing, "Evaluate": processing, "Train": training},
            "Tune": {"BestTrainingJob": {"TunedHyperParameters": tuned}},
        },
        property_files={("Evaluate", "Evaluation"): PropertyFile("evaluation", "evaluation.json")},
    )

    def filled(*overrides: str) -> dict[str, Any]:
        asked = step("Register", "card.enabled=true", *overrides)["Arguments"]["ModelCard"]
        content = resolve(asked, scope)["ModelCardContent"]
        assert card_problems(content) == []
        read: dict[str, Any] = json.loads(content)
        return read

    return filled


def test_a_card_says_what_the_run_found(card: Callable[..., dict[str, Any]]) -> None:
    found = card()
    job = found["training_details"]["training_job_details"]
    assert job["training_arn"] == "arn:job/t"
    assert {"name": "lr", "value": "0.003"} in job["hyper_parameters"]
    (evaluation,) = found["evaluation_details"]
    (group,) = evaluation["metric_groups"]
    assert {"name": "accuracy", "type": "number", "value": 0.9} in group["metric_data"]
    details = found["additional_information"]["custom_details"]
    assert details["data"] == EVALUATION["card"]["data"]
    assert details["data_fingerprint"] == EVALUATION["data_fingerprint"]
    assert details["weak_classes"] == "Affenpinscher 40%"
    assert details["debugger_rules"] == "Overfit: NoIssuesFound"
    assert details["report"].endswith("/runs/abc/report/report.html")


def test_people_may_say_anything(card: Callable[..., dict[str, Any]]) -> None:
    lines = '"a\\nb\\u2028c"'
    found = card(f"card.owner={json.dumps(ODD)}", "card.risk_rating=Low", f"card.ethics={lines}")
    assert found["model_overview"]["model_creator"] == ODD
    assert found["intended_uses"]["risk_rating"] == "Low"
    assert found["additional_information"]["ethical_considerations"] == "a\nb\u2028c"
    assert "business_details" not in found  # nobody said anything about it


def test_what_the_search_in_parts_chooses_is_not_on_it(card: Callable[..., dict[str, Any]]) -> None:
    found = card(
        *("tuning.strategy=Random", "tuning.early_stopping=false", "tuning.settings_per_trial=3")
    )
    given = found["training_details"]["training_job_details"]["hyper_parameters"]
    names = {one["name"] for one in given}
    assert "epochs" in names
    assert "lr" not in names


@pytest.mark.parametrize("override", ["card=null", "card={}", "card.enabled=false"])
def test_without_a_card_the_request_has_none(step: Step, override: str) -> None:
    assert "ModelCard" not in step("Register", override)["Arguments"]
