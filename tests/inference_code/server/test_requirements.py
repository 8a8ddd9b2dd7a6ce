"""The packages of the serving image are those that are tested here."""

import re

import pytest

from pipeline.command_line.running import ROOT


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-cuda.txt"])
def test_the_image_has_the_versions_that_are_tested_here(name: str) -> None:
    found = re.findall(
        r"^(\S+)==(\S+) ", (ROOT / "inference_code/server" / name).read_text(), re.MULTILINE
    )
    pins = re.findall(r"^(\S+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    tested = {name.lower().replace("_", "-"): version for name, version in pins}
    assert found and {name: tested[name] for name, _ in found} == dict(found)
