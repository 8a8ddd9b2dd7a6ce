"""An endpoint's plan, as requests have it."""

import boto3
import pytest

from endpoint_plan import Plan, variants_of


@pytest.mark.parametrize(
    ("instance_type", "machine_image"),
    [
        ("ml.m5.large", None),
        ("ml.c7g.xlarge", None),
        ("ml.g5.xlarge", "al2023-ami-sagemaker-inference-gpu-4-1"),
        ("ml.p4d.24xlarge", "al2023-ami-sagemaker-inference-gpu-4-1"),
    ],
)
def test_gpus_come_with_a_driver_for_the_images_cuda(
    instance_type: str, machine_image: str | None
) -> None:
    (variant,) = variants_of(Plan("dogs", instance_type, 1, "role"), "model")
    assert variant.get("InferenceAmiVersion") == machine_image
    client = boto3.client("sagemaker", "us-east-1")
    shape = client.meta.service_model.shape_for("ProductionVariant")
    assert machine_image is None or machine_image in shape.members["InferenceAmiVersion"].enum
