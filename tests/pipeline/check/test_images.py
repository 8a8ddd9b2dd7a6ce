"""Images whose patches end, or have ended, in our definition and in other people's."""

from datetime import date, timedelta
from typing import Any

import pytest

from pipeline.check import check_definition
from pipeline.images.catalog import job_image, patched_until

ECR = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
JOBS_END = patched_until(job_image("us-east-1", "ml.m5.large")) or date.min


def found(definition: Any, day: date) -> set[tuple[str, str, str]]:
    """(Rule, severity, step) of what is said of images on a day."""
    findings = check_definition(definition, today=day)
    return {(f.rule, f.severity, f.step) for f in findings if "image" in f.rule}


@pytest.mark.parametrize(
    ("days", "expected"),
    [(-91, None), (-90, "image-ends"), (0, "image-ends"), (1, "image-unpatched")],
)
def test_our_jobs_images_are_warned_of_and_then_refused(
    definition: Any, days: int, expected: str | None
) -> None:
    said = found(definition, JOBS_END + timedelta(days))
    steps = ("Prepare", "ExtractFeatures", "Tune", "Train")
    severity = "error" if expected == "image-unpatched" else "warning"
    assert {one for one in said if one[2] in steps} == {
        (expected, severity, name) for name in steps if expected
    }


@pytest.mark.parametrize(
    ("image", "end"),
    [
        (f"{ECR}/pytorch-training:2.6.0-cpu-py312", date(2026, 1, 29)),
        (
            "public.ecr.aws/deep-learning-containers/pytorch:2.11-cpu-amzn2023-sagemaker",
            date(2027, 4, 30),
        ),
    ],
)
def test_retired_images_of_others_are_known(image: str, end: date) -> None:
    step = {"Name": "P", "Type": "Processing", "Arguments": {"AppSpecification": {}}}
    step["Arguments"]["AppSpecification"]["ImageUri"] = {"Get": "Parameters.Image"}  # type: ignore[index]
    parameter = {"Name": "Image", "Type": "String", "DefaultValue": image}
    definition = {"Version": "2020-12-01", "Parameters": [parameter], "Steps": [step]}
    assert found(definition, end) == {("image-ends", "warning", "P")}
    assert found(definition, end + timedelta(1)) == {("image-unpatched", "warning", "P")}
    assert found(definition, end - timedelta(91)) == set()


def test_a_model_in_a_retired_image_is_a_warning_and_so_is_what_evaluates_it_there() -> None:
    image = f"{ECR}/pytorch-inference:2.6.0-cpu-py312"
    container = {"Image": image, "ModelDataUrl": "s3://b/m"}
    model = {"Name": "M", "Type": "Model", "Arguments": {"PrimaryContainer": container}}
    job = {"AppSpecification": {"ImageUri": image}}
    evaluate = {"Name": "E", "Type": "Processing", "Arguments": job}
    definition = {"Version": "2020-12-01", "Steps": [evaluate, model]}
    assert found(definition, date(2026, 7, 1)) == {
        ("model-image-unpatched", "warning", name) for name in "EM"
    }


def test_without_a_day_nothing_is_said_of_the_end(definition: Any) -> None:
    assert check_definition(definition) == []
