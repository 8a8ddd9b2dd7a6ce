"""Find where a job's checkpoints lie: SageMaker says it in a file, and keeps that folder on S3."""

import json
from collections.abc import Mapping
from pathlib import Path

from job.errors import JobError

_VARIABLE = "CHECKPOINT_CONFIG_FILE_PATH"
_CONFIG = "/opt/ml/input/config/checkpointconfig.json"
_DEFAULT = "/opt/ml/checkpoints"


def checkpoint_folder(environ: Mapping[str, str], *, of_attempt: bool) -> Path | None:
    """Return this job's own folder of checkpoints; None for a job that keeps none.

    Trials, and runs of a pipeline, share the place that they are given: each has a folder in it, by
    its name. A job that the pipeline tries again has another name at the end, which is left out but
    for `of_attempt`. Raises JobError when the configuration cannot be read.
    """
    config = Path(environ.get(_VARIABLE, _CONFIG))
    if not config.is_file():
        return None
    try:
        place = Path(json.loads(config.read_text(encoding="utf-8")).get("LocalPath") or _DEFAULT)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise JobError(
            f"{config}, which says where checkpoints lie, cannot be read: {error}"
        ) from error
    name = environ.get("TRAINING_JOB_NAME", "job")
    return place / (name if of_attempt else name.rpartition("-")[0] or name)
