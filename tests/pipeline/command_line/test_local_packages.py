"""An environment that was set up for AWS only says what a local run needs."""

import pytest

from pipeline.command_line import local_packages
from pipeline.errors import UsageError


def test_with_everything_installed_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    local_packages.require_packages()
    assert capsys.readouterr() == ("", "")


def test_what_is_missing_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        local_packages, "find_spec", lambda name: None if name == "torch" else object()
    )
    with pytest.raises(UsageError, match=r"needs torch, not installed.*requirements-local\.txt"):
        local_packages.require_packages()
