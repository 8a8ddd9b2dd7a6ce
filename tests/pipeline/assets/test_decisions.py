"""data.decisions -> an address known offline, and the file checked and put there."""

import hashlib

import pytest

from pipeline.assets.decisions import (
    DecisionsError,
    check_decisions,
    decisions_uri,
    stage_decisions,
)
from pipeline.command_line.running import ROOT
from pipeline.settings.errors import SettingsError
from pipeline.settings.loading import load_settings

CONTENT = f"decision,new_class,content\nrelabel,beagle,{'1a' * 32}\n".encode()


def settings_with(decisions):
    given = [f"data.decisions={decisions}", "aws.bucket=mine"]
    return load_settings(ROOT / "pipeline.yaml", None, given)


def test_a_file_is_addressed_by_its_content_and_put_there_once(tmp_path):
    path, put = tmp_path / "d.csv", {}
    path.write_bytes(CONTENT)
    for _ in range(2):
        stage_decisions(settings_with(path), put.__setitem__, put.__contains__)

    digest = hashlib.sha256(CONTENT).hexdigest()[:16]
    assert put == {f"s3://mine/decisions/{digest}/d.csv": CONTENT}
    assert decisions_uri(settings_with(path)) in put


@pytest.mark.parametrize("decisions", ["null", "s3://theirs/a/d.csv"])
def test_none_and_an_address_are_taken_as_they_are(decisions):
    settings, put = settings_with(decisions), {}
    stage_decisions(settings, put.__setitem__, put.__contains__)
    check_decisions(settings)

    assert not put
    assert decisions_uri(settings) == (None if decisions == "null" else decisions)


def test_what_cannot_be_used_is_refused_before_a_run(tmp_path):
    path = tmp_path / "d.csv"
    with pytest.raises(DecisionsError, match=r"data\.decisions: no file"):
        decisions_uri(settings_with(path))
    path.write_bytes(CONTENT)
    check_decisions(settings_with(path), ["beagle"])
    with pytest.raises(DecisionsError, match=r"csv:2: there is no class 'beagle'; there are: pug"):
        check_decisions(settings_with(path), ["pug"])
    path.write_bytes(CONTENT.replace(b"relabel", b"relable"))
    with pytest.raises(DecisionsError, match="did you mean relabel"):
        check_decisions(settings_with(path))


@pytest.mark.parametrize("decisions", ["s3://bucket", "s3://bucket/folder/", "https://x/d.csv"])
def test_an_address_that_names_no_file_is_refused(decisions):
    with pytest.raises(SettingsError, match=r"data\.decisions"):
        settings_with(decisions)
