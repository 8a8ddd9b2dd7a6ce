"""Read images.yaml, and find in it the image for a machine and the end of an image's patches."""

import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import UsageError

IMAGES_FILE = Path(__file__).parent / "images.yaml"
_GPU = re.compile(r"ml\.[gp]\d")
# AWS's own processors (Graviton, Trainium, Inferentia), NVIDIA's (Grace) and Intel's for training
_OTHER_CHIPS = re.compile(r"ml\.([a-z]+\d+g[a-z]*\.|p6e-gb|(trn|inf|dl)\d)")
_ADDRESS = re.compile(
    r"(?:(?P<account>\d{12})\.dkr\.ecr(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?"
    r"|public\.ecr\.aws/deep-learning-containers)/(?P<repository>[a-z0-9-]+):(?P<tag>.+)"
)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class JobImage(_Part):
    """The image that processing and training run in; `packages` are those of the cpu one."""

    repository: str
    tags: Mapping[Literal["cpu", "gpu"], str]
    python: str
    packages: Mapping[str, str]


class Images(_Part):
    """AWS's images; `end_of_patch` is repository -> start of the tag -> last day."""

    jobs: JobImage
    end_of_patch: Mapping[str, Mapping[str, date]]
    accounts: Mapping[str, str]


@cache
def load_images(file: Path = IMAGES_FILE) -> Images:
    """Read the file of images. Raises UsageError when it is none."""
    try:
        return Images.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"{file}: {place}: {first['msg']}") from None
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(f"cannot read {file}: {error}") from error


def has_gpu(instance_type: str) -> bool:
    """Check whether an instance type has GPUs that PyTorch uses."""
    return _GPU.match(instance_type) is not None


def has_other_chips(instance_type: str) -> bool:
    """Check whether an instance type runs no image for x86-64, with NVIDIA's GPUs or without."""
    return _OTHER_CHIPS.match(instance_type) is not None


def job_image(region: str, instance_type: str) -> str:
    """Return the address of the image that jobs run in. Raises UsageError when there is none."""
    images = load_images()
    account = images.accounts.get(region)
    if account is None or has_other_chips(instance_type):
        raise UsageError(
            f"there is no PyTorch image for {instance_type} in {region}: choose another "
            "aws.region or instance type"
        )
    tag = images.jobs.tags["gpu" if has_gpu(instance_type) else "cpu"]
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"{account}.dkr.ecr.{region}.{suffix}/{images.jobs.repository}:{tag}"


def patched_until(address: str) -> date | None:
    """Return the last day on which AWS patches one of its images; None when that is not known."""
    images = load_images()
    found = _ADDRESS.fullmatch(address)
    if found is None or found["account"] not in {None, *images.accounts.values()}:
        return None
    for version, day in images.end_of_patch.get(found["repository"], {}).items():
        if re.match(rf"{re.escape(version)}(?!\d)", found["tag"]):
            return day
    return None
