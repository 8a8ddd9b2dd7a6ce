"""Install the packages that a job needs and its image lacks."""

import subprocess
import sys
from collections.abc import Sequence
from importlib import invalidate_caches, metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from job.errors import JobError
from job.log import log


def unmet_requirements(path: Path) -> list[str]:
    """Return the lines of a requirements file that this interpreter does not satisfy.

    Comments, empty lines and requirements for other platforms are skipped. Raises JobError for a
    line that is no plain requirement (an option such as `-r`, say).
    """
    unmet = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.split(" #")[0].strip()
        if not text or text.startswith("#"):
            continue
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise JobError(
                f"{path.name}, line {number}: {text!r} is no plain requirement;"
                " write it as name==version"
            ) from error
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        if not _is_met(requirement):
            unmet.append(text)
    return unmet


def install_unmet(path: Path, *options: str) -> None:
    """Install with pip, given `options`, what unmet_requirements finds; a missing file has none.

    With all of it there, nothing is started and no network is needed. Raises JobError.
    """
    if path.is_file() and (unmet := unmet_requirements(path)):
        _install(unmet, options)


def _install(requirements: Sequence[str], options: Sequence[str]) -> None:
    names = ", ".join(requirements)
    log(f"installing what the image lacks: {names}")
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    code = subprocess.run([*pip, *options, *requirements], check=False).returncode
    if code != 0:
        raise JobError(
            f"pip ended with exit code {code} while installing {names};"
            " its reason is in the log above. A job without network access needs an image that"
            " has these already"
        )
    invalidate_caches()


def _is_met(requirement: Requirement) -> bool:
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return False
    return requirement.specifier.contains(version, prereleases=True)
