"""Size a serverless endpoint for its model: SageMaker takes its memory in steps of a gigabyte.

What else differs from instances: docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html.
"""

from typing import TYPE_CHECKING

from training_code.backbones import BACKBONES

if TYPE_CHECKING:
    from pipeline.settings.model import Settings

MOST_MEMORY_MB = 6144
MAXIMUM_BODY = 4 * 1024**2
"""The most bytes that a serverless endpoint takes, or answers; one on instances takes 6 MiB."""
_STEP_MB = 1024
_LEAST_MB = 2048  # the default of AWS's SDK; processors come with memory, and less is slow
# Measured with ONNX Runtime 1.24, batches of 8, from start to answer: at most 0.17 GB for weights
# of 9 MB, 0.31 for 95, 1.11 for 539, 1.23 for 785. The rest is for pictures being decoded.
_SERVER_MB = 700
_COPIES = 2
_BYTES_A_WEIGHT = 4
_TORCH_MB = 800  # of an image of one's own whose models have no graph


def staging_memory_mb(settings: "Settings") -> int:
    """Return the memory of the serverless staging endpoint: as set, else sized for the model."""
    given = settings.deploy.staging.memory_mb
    return given if given is not None else min(memory_needed_mb(settings), MOST_MEMORY_MB)


def memory_needed_mb(settings: "Settings") -> int:
    """Return what serving the backbone takes, in whole steps."""
    backbone = BACKBONES.get(settings.backbone.name)
    weights = backbone.thousands * _BYTES_A_WEIGHT / 1000 if backbone else 0.0
    torch = _TORCH_MB if settings.serving.graph == "none" else 0
    needed = _SERVER_MB + torch + _COPIES * weights
    return max(_LEAST_MB, -(-int(needed) // _STEP_MB) * _STEP_MB)
