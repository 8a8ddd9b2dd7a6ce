"""Find the commit that a run is made from."""

import os
import subprocess
from pathlib import Path


def git_commit(root: Path) -> str | None:
    """Return the commit of the tree at `root`, with `-dirty` for changes; None if not known.

    CodeBuild says it in its environment when it has not cloned a repository.
    """
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return os.environ.get("CODEBUILD_RESOLVED_SOURCE_VERSION")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}-dirty" if changed else commit


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
