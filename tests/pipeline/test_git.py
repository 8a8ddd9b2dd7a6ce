"""The commit that a run is made from."""

import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from pipeline.git import git_commit, git_revision


def test_the_tree_tells_its_commit_and_whether_it_was_changed(tmp_path: Path) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    assert git_commit(tmp_path) is None
    (tmp_path / "file").write_text("1")
    for command in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "first")):
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True)
    commit = git_commit(tmp_path)
    assert commit is not None
    assert re.fullmatch("[0-9a-f]{40}", commit)
    (tmp_path / "file").write_text("2")
    assert git_commit(tmp_path) == f"{commit}-dirty"


def test_a_clone_without_history_tells_when_its_commit_was_made(tmp_path: Path) -> None:
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    origin.mkdir()
    assert git_revision(origin) is None
    moment = {**os.environ, "GIT_COMMITTER_DATE": "2026-11-29T12:00:00+0900"}
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    (origin / "file").write_text("1")
    for command in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "first")):
        subprocess.run(["git", *identity, *command], cwd=origin, check=True, env=moment)
    subprocess.run(["git", "clone", "-q", "--depth", "1", origin.as_uri(), clone], check=True)
    revision = git_revision(clone)
    assert revision
    assert revision.committed_at == datetime(2026, 11, 29, 3, tzinfo=UTC)
    assert not revision.is_dirty
    (clone / "file").write_text("2")
    changed = git_revision(clone)
    assert changed
    assert changed.is_dirty


def test_what_a_tree_comes_from_is_known_where_its_history_is(tmp_path: Path) -> None:
    commits = []
    for name in ("first", "second"):
        commits.append(_committed(tmp_path / "origin", name))
    shallow = tmp_path / "shallow"
    origin = (tmp_path / "origin").as_uri()
    subprocess.run(["git", "clone", "-q", "--depth", "1", origin, shallow], check=True)
    first, second = commits
    whole, cut = git_revision(tmp_path / "origin"), git_revision(shallow)
    assert whole
    assert cut
    assert [whole.comes_from(one) for one in (first, second, f"{first}-dirty")] == [True] * 3
    assert not whole.comes_from("0" * 40)
    assert not whole.comes_from("")
    assert [cut.comes_from(one) for one in (first, second)] == [False, True]


def _committed(root: Path, name: str) -> str:
    """Commit a file of that name; return the commit."""
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    root.mkdir(exist_ok=True)
    (root / name).write_text(name)
    for command in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", name)):
        subprocess.run(["git", *identity, *command], cwd=root, check=True)
    commit = git_commit(root)
    assert commit
    return commit
