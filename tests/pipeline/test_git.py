"""The commit that a run is made from."""

import re
import subprocess
from pathlib import Path

from pipeline.git import git_commit


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
