"""Resolve backbone.weights to an S3 address, and put the file there.

The setting is imagenet, a file, s3:// or none. The address is known without any download, so
compiling stays offline; the file is fetched or copied only when a run is staged.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.images.catalog import load_images
from pipeline.settings.model import Settings
from pipeline.suggestions import nearest
from pipeline.temporary import temporary_folder

_FETCH_PROBLEMS = {
    3: "torchvision is not installed here",
    4: "torchvision has no weights for it",
    5: "they cannot be downloaded",
}
# -P: the modules beside the script must not be taken for torch's.
_FETCH = ["-P", str(Path(__file__).with_name("fetch_weights.py"))]
# The code of the job that loads them, run as it would be there.
_CHECK = ["-P", "-m", "pretrained.check"]
_JOBS_CODE = [Path(__file__).parents[2] / folder for folder in ("training_code", "inference_code")]
_INSTEAD = (
    "give a file (--set backbone.weights=PATH) or start without (--set backbone.weights=none)"
)

Put = Callable[[str, bytes], None]
Exists = Callable[[str], bool]


class WeightsError(UsageError):
    """Weights that were asked for are missing."""


def weights_uri(settings: Settings) -> str | None:
    """Return where the job finds the weights; None for random ones. Raises WeightsError."""
    weights, start = settings.backbone.weights, f"s3://{settings.bucket}/weights"
    if weights == "none":
        return None
    if weights == "imagenet":
        return f"{start}/torchvision-{_torchvision()}/{settings.backbone.name}-DEFAULT.pth"
    if weights.startswith("s3://"):
        return weights
    path = _weights_file(weights)
    return f"{start}/{_sha256(path)[:16]}/{path.name}"


def _torchvision() -> str:
    """Return the version in the jobs' images: its names mean the weights that load there."""
    return load_images().jobs.packages["torchvision"]


def stage_weights(settings: Settings, put: Put, exists: Exists) -> None:
    """Put the weights at their address unless they are there; a user's own s3:// is left alone.

    Raises WeightsError.
    """
    uri, weights = weights_uri(settings), settings.backbone.weights
    if uri is None or weights.startswith("s3://") or exists(uri):
        return
    if weights == "imagenet":
        put(uri, _from_torchvision(settings.backbone.name))
    else:
        put(uri, _weights_file(weights).read_bytes())


def check_weights(settings: Settings) -> str | None:
    """Check that a weights file fits the backbone; return in words what is taken of it, if any.

    Other weights are not at hand: ImageNet's fit, those on S3 are checked when they are reached.
    Raises WeightsError.
    """
    weights = settings.backbone.weights
    if weights in ("imagenet", "none") or weights.startswith("s3://"):
        return None
    return check_file(settings.backbone.name, _weights_file(weights))


def check_file(backbone: str, file: Path) -> str | None:
    """Check that a file's weights are a backbone's, as `check_weights`. Raises WeightsError."""
    command = [sys.executable, *_CHECK, backbone, str(file)]
    path = os.pathsep.join(map(str, _JOBS_CODE))
    environment = os.environ | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", check=False, env=environment
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["it cannot be checked"])[-1]
        raise WeightsError(f"backbone.weights: {reason}")
    return done.stdout.strip() or None


def _weights_file(weights: str) -> Path:
    path = Path(weights)
    if path.is_dir():
        raise WeightsError(f"backbone.weights: {path} is a folder; give the file itself")
    if not path.is_file():
        word = nearest(path.name, ("imagenet", "none"), 0.7)
        meant = f"did you mean {word}?" if word else "or imagenet, s3://..., none"
        raise WeightsError(f"backbone.weights: no file {path}; {meant}")
    if path.stat().st_size == 0:
        raise WeightsError(f"backbone.weights: {path} is empty")
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from_torchvision(backbone: str) -> bytes:
    """Fetch torchvision's best weights in another process: torch is heavy."""
    with temporary_folder("weights") as folder:
        target = folder / "weights.pth"
        command = [sys.executable, *_FETCH, backbone, str(target)]
        # how far it is goes to our standard error: that of a command may be for programs
        done = subprocess.run(command, stdout=2, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            reason = _FETCH_PROBLEMS.get(done.returncode, "fetching them failed")
            detail = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise WeightsError(f"ImageNet weights of {backbone}: {reason} ({detail}); {_INSTEAD}")
        return target.read_bytes()
