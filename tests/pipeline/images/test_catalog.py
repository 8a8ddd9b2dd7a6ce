"""Which image a machine gets, and until when an image is patched."""

from datetime import date
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.images.catalog import has_gpu, job_image, load_images, patched_until

ECR = "763104351884.dkr.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("region", "instance_type", "address"),
    [
        ("us-east-1", "ml.m5.xlarge", f"{ECR}/pytorch:2.12.1-cpu-amzn2023-sagemaker"),
        ("us-east-1", "ml.g5.xlarge", f"{ECR}/pytorch:2.12.1-cu130-amzn2023-sagemaker"),
        (
            "cn-north-1",
            "ml.p4d.24xlarge",
            "727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn/pytorch:2.12.1-cu130-amzn2023-sagemaker",
        ),
        (
            "eu-south-2",
            "ml.c6i.large",
            "503227376785.dkr.ecr.eu-south-2.amazonaws.com/pytorch:2.12.1-cpu-amzn2023-sagemaker",
        ),
    ],
)
def test_the_image_is_the_regions_own_and_the_machines(
    region: str, instance_type: str, address: str
) -> None:
    assert job_image(region, instance_type) == address
    assert has_gpu(instance_type) == ("cu130" in address)


@pytest.mark.parametrize(
    ("region", "instance_type"),
    [
        ("us-east-1", "ml.trn1.2xlarge"),
        ("us-east-1", "ml.inf2.xlarge"),
        ("us-east-1", "ml.dl1.24xlarge"),
        ("us-east-1", "ml.c7g.xlarge"),
        ("us-east-1", "ml.r6gd.large"),
        ("us-east-1", "ml.p6e-gb200.36xlarge"),
        ("xx-east-1", "ml.m5.large"),
    ],
)
def test_what_has_no_image_is_refused_with_the_way_out(region: str, instance_type: str) -> None:
    with pytest.raises(UsageError, match=f"{instance_type} in {region}: choose another"):
        job_image(region, instance_type)


@pytest.mark.parametrize(
    ("address", "end"),
    [
        (f"{ECR}/pytorch:2.12.1-cpu-amzn2023-sagemaker", date(2027, 7, 2)),
        (
            "public.ecr.aws/deep-learning-containers/pytorch:2.13.0-cu130-amzn2023-sagemaker",
            date(2027, 7, 20),
        ),
        (f"{ECR}/pytorch-training:2.6.0-gpu-py312-cu126-ubuntu22.04-sagemaker", date(2026, 1, 29)),
        (f"{ECR}/pytorch-inference:2.6-cpu-py312", date(2026, 6, 30)),
        (f"{ECR}/pytorch-training:2.10.0-cpu-py313", date(2027, 1, 21)),
        (f"{ECR}/pytorch-training:2.1.0-cpu-py310", None),  # not 2.10, and not known
        ("111122223333.dkr.ecr.us-east-1.amazonaws.com/pytorch:2.12-mine", None),
        ("somewhere.example/pytorch:2.12.1", None),
    ],
)
def test_the_end_of_patches_is_known_for_awss_own_images(address: str, end: date | None) -> None:
    assert patched_until(address) == end


def test_a_mistake_in_the_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "images.yaml"
    file.write_text("jobs: {repository: pytorch, tags: {tpu: x}, python: '3.12', packages: {}}\n")
    with pytest.raises(UsageError, match=r"images\.yaml: jobs\.tags\.tpu"):
        load_images(file)
