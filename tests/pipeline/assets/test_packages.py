"""What jobs without an index install has an address before it is fetched, and is fetched once."""

from hashlib import sha256
from pathlib import Path

import pytest

from pipeline.assets.packages import PACKAGES, PackagesError, packages_uri, stage_packages
from pipeline.command_line.running import ROOT
from pipeline.settings.loading import load_settings
from pipeline.settings.model import Settings
from tests.wheel_support import write_wheel

URI = "s3://mine/code/packages-0123456789abcdef/wheels"


def settings_with(isolation: str) -> Settings:
    isolated = (f"network.isolation={isolation}", "deploy.staging.type=realtime")
    overrides = (*isolated, "aws.bucket=mine")
    return load_settings(ROOT / "pipeline.yaml", None, overrides)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree whose jobs lack one package, and an index of files that has it."""
    wheel = write_wheel(tmp_path / "index", "lacking")
    lines = ["# of the image", "lacking==1.0 \\"]
    lines.append(f"    --hash=sha256:{sha256(wheel.read_bytes()).hexdigest()}\n")
    (tmp_path / PACKAGES).parent.mkdir()
    (tmp_path / PACKAGES).write_text("\n".join(lines))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    return tmp_path


def test_the_address_is_that_of_the_list_and_needs_no_file() -> None:
    found = packages_uri(settings_with("true"), ROOT)
    assert found is not None
    assert found.startswith("s3://mine/code/packages-")
    assert packages_uri(settings_with("false"), ROOT) is None


def test_every_file_is_fetched_once(tree: Path) -> None:
    put: dict[str, bytes] = {}
    stage_packages(tree, URI, put.__setitem__, set())
    assert list(put) == [f"{URI}/lacking-1.0-py3-none-any.whl"]
    stage_packages(tree, URI, pytest.fail, set(put))


def test_a_file_of_another_content_is_refused(tree: Path) -> None:
    pins = tree / PACKAGES
    pins.write_text(pins.read_text().replace("sha256:", "sha256:0")[:-2] + "\n")
    with pytest.raises(PackagesError, match="pip cannot fetch"):
        stage_packages(tree, URI, pytest.fail, set())
