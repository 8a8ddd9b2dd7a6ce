"""Take the best setting of a search in parts into the final training."""

import json
import posixpath
import tarfile
from collections.abc import Mapping
from pathlib import Path

from hyperparameters import Hyperparameters, with_values
from job.errors import JobError
from job.log import log
from searching.settings_table import CHOICE_FILE, read_table

CHANNEL = "best"
_LARGEST = 1_000_000  # bytes; it is of some hundreds


def with_best(settings: Hyperparameters, environ: Mapping[str, str]) -> Hyperparameters:
    """Return the settings with the values of the search's best one, from the channel `best`.

    Says which it is in a metric. Raises JobError for a channel that is missing, or of another
    search.
    """
    if not settings.settings or settings.part:
        return settings
    folder = environ.get(f"SM_CHANNEL_{CHANNEL.upper()}")
    if folder is None:
        raise JobError(
            f"hyperparameter settings is given, but the job has no channel {CHANNEL!r} with the "
            "model of the best trial: add it"
        )
    archive = Path(folder) / "model.tar.gz"
    number, values = _read(archive)
    if dict(read_table(settings.settings).get(number, {})) != values:
        raise JobError(f"{archive} is of another search: its setting {number} is {values}")
    told = " ".join(f"{name}={value}" for name, value in values.items())
    log(f"kept_setting={number} of the search: {told}")
    return with_values(settings, values)


def _read(archive: Path) -> tuple[int, dict[str, str]]:
    try:
        with tarfile.open(archive) as packed:
            names = {posixpath.normpath(name): name for name in packed.getnames()}
            file = packed.extractfile(names[CHOICE_FILE])
            choice = json.loads(file.read(_LARGEST)) if file else {}
        return int(choice["number"]), {str(k): str(v) for k, v in choice["values"].items()}
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise JobError(
            f"{archive} does not tell the best setting ({error}): the channel {CHANNEL!r} must "
            "hold the model of the best trial"
        ) from error
