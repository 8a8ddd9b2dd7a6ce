"""The secret of a state folder: made once, for its owner alone."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.local.service.credentials import Address, SecretError, known_secret, own_secret


def test_it_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    assert known_secret(tmp_path) is None
    with ThreadPoolExecutor(8) as pool:
        (secret,) = set(pool.map(own_secret, [tmp_path] * 16))
    assert known_secret(tmp_path) == own_secret(tmp_path) == secret
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert secret not in repr(Address("http://127.0.0.1", secret))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_one_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    own_secret(tmp_path)
    (file,) = tmp_path.iterdir()
    file.chmod(mode)
    with pytest.raises(SecretError, match=r"others can read .*: remove it"):
        own_secret(tmp_path)
    file.unlink()
    assert own_secret(tmp_path)


@pytest.mark.parametrize("content", ["", "abc", "é" * 64, "a" * 65, "g" * 64, "a" * 64 + "\n"])
def test_a_damaged_one_is_refused(tmp_path: Path, content: str) -> None:
    own_secret(tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_text(content)
    with pytest.raises(SecretError, match="is damaged: remove it"):
        own_secret(tmp_path)


def test_another_users_is_nobodys_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_secret(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    assert known_secret(tmp_path) is None
    with pytest.raises(SecretError, match="is another user's: name another folder with --state"):
        own_secret(tmp_path)


@pytest.mark.parametrize("kind", ["link", "folder", "nowhere"])
def test_where_none_can_be_kept_is_said(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "service.secret"
    if kind == "link":
        (tmp_path / "else").write_text("a" * 64)
        file.symlink_to("else")
    if kind == "folder":
        file.mkdir(mode=0o700)
    with pytest.raises(SecretError):
        own_secret(tmp_path / "nowhere" if kind == "nowhere" else tmp_path)
