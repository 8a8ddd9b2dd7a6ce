"""Name the serving image by what it is built from, and pack that for the build.

It is inference_code/Dockerfile's. Its files (IMAGE_ONLY) decide its tag: a tree whose server did
not change needs no build, and a definition names exactly the image that its tests were run with.
"""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from pipeline.assets.code_bundle import IMAGE_ONLY, content_digest, files_below
from pipeline.errors import UsageError
from pipeline.images.catalog import has_gpu, has_other_chips
from pipeline.settings.model import Settings

FOLDER = "inference_code"
CPU, CUDA = "cpu", "cuda"  # the targets of the Dockerfile, and how tags begin
_EPOCH = (1980, 1, 1, 0, 0, 0)


def serving_image(settings: Settings, root: Path) -> str:
    """Return the address of the image that serves, and evaluates, what these settings train.

    It is serving.image, or the image of the tree at `root` in the project's own repository.
    Raises UsageError when the tree has nothing to build it from, or an endpoint cannot run it.
    """
    if settings.serving.image:
        return settings.serving.image
    for setting, machine in _endpoint_machines(settings).items():
        if has_other_chips(machine):
            what = f"{setting} is {machine}, which our serving image (x86-64) does not run on"
            raise UsageError(f"{what}; choose another, or set serving.image to one that does")
    return f"{repository_uri(settings)}:{image_tag(settings, root)}"


def repository_name(settings: Settings) -> str:
    """Return the name of the ECR repository that the project's serving images are pushed to."""
    return f"{settings.project}-serving"


def repository_uri(settings: Settings) -> str:
    """Return the address of the project's own repository, without a tag."""
    aws = settings.aws
    suffix = "amazonaws.com.cn" if settings.partition == "aws-cn" else "amazonaws.com"
    registry = f"{aws.account_id}.dkr.ecr.{aws.region}.{suffix}"
    return f"{registry}/{repository_name(settings)}"


def image_tag(settings: Settings, root: Path) -> str:
    """Return the image's tag: its kind, and the digest of what it is built from."""
    return f"{image_kind(settings)}-{content_digest(image_sources(root))}"


def image_kind(settings: Settings) -> str:
    """Return CUDA when staging or production has GPUs, else CPU; a CUDA image runs on both."""
    return CUDA if any(map(has_gpu, _endpoint_machines(settings).values())) else CPU


def _endpoint_machines(settings: Settings) -> Mapping[str, str]:
    """Return the instance types of staging and production, by the settings that name them."""
    deploy = settings.deploy
    staging = {"deploy.instance_type": deploy.instance_type}
    return {
        **(staging if deploy.staging.type == "realtime" else {}),
        "deploy.production.instance_type": deploy.production.instance_type,
    }


def image_sources(root: Path) -> Mapping[str, bytes]:
    """Return the files that the image is built from, by their names in the build's folder.

    Raises UsageError when there is no Dockerfile.
    """
    folder = root / FOLDER
    if not (folder / "Dockerfile").is_file():
        what = f"{folder}/Dockerfile is missing: there is no serving image to build"
        raise UsageError(f"{what}; put it back, or set serving.image to an image's address")
    return {name: content for part in IMAGE_ONLY for name, content in files_below(folder, part)}


def source_archive(root: Path) -> bytes:
    """Zip what the image is built from, for CodeBuild; the same files, the same bytes.

    Stored and not compressed, as compressors differ between machines. Raises UsageError.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(image_sources(root).items()):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return buffer.getvalue()
