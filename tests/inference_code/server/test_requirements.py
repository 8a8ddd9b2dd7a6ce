"""What the serving image is made of is what is tested here, and what jobs run in."""

import re

import pytest

from pipeline.command_line.running import ROOT
from pipeline.images.catalog import load_images


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-cuda.txt"])
def test_the_image_has_the_versions_that_are_tested_here(name: str) -> None:
    found = re.findall(
        r"^(\S+)==(\S+) ", (ROOT / "inference_code/server" / name).read_text(), re.MULTILINE
    )
    pins = re.findall(r"^(\S+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    tested = {name.lower().replace("_", "-"): version for name, version in pins}
    assert found and {name: tested[name] for name, _ in found} == dict(found)


def test_the_image_for_gpus_is_made_of_the_jobs_own() -> None:
    (base,) = re.findall(
        r"^ARG CUDA_BASE=\S+/(\S+)$", (ROOT / "inference_code/Dockerfile").read_text(), re.MULTILINE
    )
    jobs = load_images().jobs
    assert base == f"{jobs.repository}:{jobs.tags['gpu']}"
