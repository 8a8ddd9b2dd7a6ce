"""Run a script of the job's code folder, after installing what the image lacks for it.

    python run_script.py prepare.py --data ... --dataset ...

Requirements are read from requirements.txt beside this file. Only those that are missing, or
installed at a version that does not fit, are handed to pip: with an image that has them all,
nothing is installed and no network is needed.
"""

import runpy
import subprocess
import sys
from importlib import invalidate_caches, metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from job.errors import JobError, run_job


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


def install(requirements: list[str]) -> None:
    """Install `requirements` with pip into this interpreter; raise JobError when pip cannot."""
    print(f"installing what the image lacks: {', '.join(requirements)}", flush=True)
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    code = subprocess.run([*pip, *requirements], check=False).returncode
    if code != 0:
        raise JobError(
            f"pip ended with exit code {code} while installing {', '.join(requirements)};"
            " its reason is in the log above. A job without network access needs an image that"
            " has these already"
        )
    invalidate_caches()


def run_script(script: Path, arguments: list[str]) -> None:
    """Run `script` as the main program, its folder first on the import path."""
    sys.argv = [str(script), *arguments]
    sys.path[0] = str(script.parent)
    runpy.run_path(str(script), run_name="__main__")


def main() -> None:
    """Run the command line: the script's file name, then its own arguments."""
    folder = Path(__file__).resolve().parent
    if len(sys.argv) < 2:
        raise JobError("no script was named; usage: run_script.py SCRIPT [ARGUMENT ...]")
    script = folder / sys.argv[1]
    if not script.is_file():
        raise JobError(f"{sys.argv[1]} is not in the code folder {folder}")
    requirements = folder / "requirements.txt"
    if requirements.is_file() and (unmet := unmet_requirements(requirements)):
        install(unmet)
    run_script(script, sys.argv[2:])


def _is_met(requirement: Requirement) -> bool:
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return False
    return requirement.specifier.contains(version, prereleases=True)


if __name__ == "__main__":
    run_job(main)
