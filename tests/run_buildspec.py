"""Run what buildspec.yml does before anything reaches AWS: python -m tests.run_buildspec."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
PHASES = ("install", "pre_build")


def main() -> int:
    """Run the commands in their order, as CodeBuild does; return the code of the first to fail."""
    buildspec = yaml.safe_load((ROOT / "buildspec.yml").read_text(encoding="utf-8"))
    environment = os.environ | buildspec["env"]["variables"]
    for phase in PHASES:
        for command in buildspec["phases"][phase]["commands"]:
            print(f"+ {command}", flush=True)
            shell = buildspec["env"]["shell"]
            done = subprocess.run([shell, "-c", command], cwd=ROOT, env=environment, check=False)
            if done.returncode:
                return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
