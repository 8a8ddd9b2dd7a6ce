"""Find the commit that a run is made from."""

import os
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_DIRTY = "-dirty"


@dataclass(frozen=True)
class Revision:
    """A commit, with `-dirty` for a tree with changes, and when it was made, if that is known.

    `root` is the repository; without one nothing is known of its history.
    """

    commit: str
    committed_at: datetime | None
    root: Path | None = None

    @property
    def is_dirty(self) -> bool:
        """Whether the tree holds more than the commit."""
        return self.commit.endswith(_DIRTY)

    def comes_from(self, commit: str) -> bool:
        """Check whether the tree's history holds `commit`; False where that is not known."""
        asked = ("merge-base", "--is-ancestor", commit.removesuffix(_DIRTY), "HEAD")
        return self.root is not None and _git(self.root, *asked) is not None


def git_commit(root: Path) -> str | None:
    """Return the commit of the tree at `root`, with `-dirty` for changes; None if not known.

    CodeBuild says it in its environment when it has not cloned a repository.
    """
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return os.environ.get("CODEBUILD_RESOLVED_SOURCE_VERSION")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}{_DIRTY}" if changed else commit


def git_revision(root: Path) -> Revision | None:
    """Return the commit of the tree at `root` with its time, also of a clone without history.

    None where there is no repository.
    """
    commit, said = git_commit(root), _git(root, "show", "-s", "--format=%cI", "HEAD")
    if commit is None:
        return None
    return Revision(commit, datetime.fromisoformat(said) if said else None, root)


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
