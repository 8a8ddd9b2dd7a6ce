"""Run a script of the job's code folder, after installing what the image lacks for it.

    python run_script.py prepare.py --data ... --dataset ...

Requirements are read from requirements.txt beside this file. Only those that are missing, or
installed at a version that does not fit, are handed to pip: with an image that has them all,
nothing is installed and no network is needed.
"""

import runpy
import sys
from pathlib import Path

from job.errors import JobError, run_job
from job.packages import install_unmet


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
    install_unmet(folder / "requirements.txt")
    run_script(script, sys.argv[2:])


if __name__ == "__main__":
    run_job(main)
