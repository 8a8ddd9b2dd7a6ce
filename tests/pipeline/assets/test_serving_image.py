"""The serving image: its address follows from the tree and settings, and from nothing else."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from pipeline.assets.serving_image import image_sources, serving_image, source_archive
from pipeline.errors import UsageError
from pipeline.settings.loading import load_settings

ROOT = Path(__file__).parents[3]
FIXED = ("project=dogs", "aws={region: eu-west-1, account_id: '111122223333'}")
FILES = {
    "Dockerfile": "FROM debian\n",
    "server/requirements.txt": "starlette==1\n",
    "server/model_server/app.py": "",
}


@pytest.fixture
def root(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / "inference_code" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def address(root, *overrides):
    return serving_image(load_settings(ROOT / "pipeline.yaml", None, [*FIXED, *overrides]), root)


def test_the_address_is_the_projects_own_with_the_content_in_its_tag(root):
    name, _, digest = address(root).rpartition("-")

    assert name == "111122223333.dkr.ecr.eu-west-1.amazonaws.com/dogs-serving:cpu"
    assert len(digest) == 16
    china = address(root, "aws.region=cn-north-1")
    assert china.startswith("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/dogs-serving:cpu-")


@pytest.mark.parametrize("where", ["deploy.instance_type", "deploy.production.instance_type"])
def test_an_endpoint_with_gpus_gets_the_image_for_them(root, where):
    on_instances = "deploy.staging.type=realtime"
    cuda = address(root).replace(":cpu-", ":cuda-")
    assert address(root, on_instances, f"{where}=ml.g5.xlarge") == cuda


def test_the_machine_of_a_staging_endpoint_that_has_none_decides_nothing(root):
    assert address(root, "deploy.instance_type=ml.g5.xlarge") == address(root)


@pytest.mark.parametrize("where", ["deploy.instance_type", "deploy.production.instance_type"])
@pytest.mark.parametrize("machine", ["ml.c7g.large", "ml.inf2.xlarge"])
def test_a_machine_that_it_does_not_run_on_is_refused_and_another_image_is_not(
    root, where, machine
):
    given = ("deploy.staging.type=realtime", f"{where}={machine}")
    with pytest.raises(UsageError, match=rf"^{where} is {machine}.*or set serving\.image"):
        address(root, *given)
    assert address(root, *given, "serving.image=own:1") == "own:1"


@pytest.mark.parametrize("name", FILES)
def test_whatever_it_is_built_from_changes_the_tag(root, name):
    before = address(root)
    (root / "inference_code" / name).write_text("changed")
    assert address(root) != before


def test_nothing_else_changes_the_tag_or_the_archive(root, monkeypatch):
    before = address(root), source_archive(root)
    code = root / "inference_code"
    (code / "inference.py").write_text("the model's own code")
    (code / "server/__pycache__").mkdir()
    (code / "server/__pycache__/app.pyc").write_bytes(b"x")
    for path in code.rglob("*"):
        os.utime(path, (1, 1))
    (code / "Dockerfile").chmod(0o600)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")

    assert (address(root), source_archive(root)) == before


def test_the_archive_is_the_folder_that_the_image_is_built_in(root):
    with zipfile.ZipFile(io.BytesIO(source_archive(root))) as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == FILES


def test_any_other_image_may_serve(root):
    assert address(root, "serving.image=torchserve:0.12") == "torchserve:0.12"


def test_a_tree_without_a_dockerfile_is_explained(tmp_path):
    with pytest.raises(UsageError, match=r"Dockerfile is missing.*set serving\.image"):
        address(tmp_path)


def test_our_own_image_is_built_from_its_server():
    files = image_sources(ROOT)
    copied = [
        line.split()[1]
        for line in files["Dockerfile"].decode().splitlines()
        if line.startswith("COPY ") and "--from" not in line
    ]
    assert copied
    for source in copied:
        assert any(name == source or name.startswith(f"{source}/") for name in files), source
