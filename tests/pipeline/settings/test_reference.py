"""The page of settings says of each what it may be and what it does, and is the current one."""

from pathlib import Path

import pytest

from pipeline.command_line.running import ROOT
from pipeline.errors import UsageError
from pipeline.settings.__main__ import main
from pipeline.settings.keys import all_keys
from pipeline.settings.model import Settings
from pipeline.settings.reference import Entry, sections


@pytest.fixture(scope="module")
def entries() -> dict[str, Entry]:
    return {e.key: e for section in sections(ROOT / "pipeline.yaml") for e in section.entries}


def test_the_page_in_docs_is_the_one_that_the_command_prints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out == (ROOT / "docs" / "settings.md").read_text()


def test_every_setting_is_there_with_a_meaning(entries: dict[str, Entry]) -> None:
    keys = [".".join(path) for path in all_keys(Settings)]
    leaves = {key for key in keys if not any(other.startswith(f"{key}.") for other in keys)}
    whole = {key for key in leaves if any(key.startswith(f"{entry}.") for entry in entries)}
    assert set(entries) >= leaves - whole  # those are told with what may be null altogether
    assert [key for key, entry in entries.items() if not entry.meaning] == []


@pytest.mark.parametrize(
    ("key", "allowed", "default"),
    [
        ("training.lr", "a number above 0 to 10", "0.0003"),
        ("training.label_smoothing", "a number from 0 below 1", "0.0"),
        ("features.precision", "`fp32`, `int8`", '"fp32"'),
        ("gate.champion_tolerance", "a number from 0 to 1 or null", "0.01"),
        ("aws.account_id", "12 digits, in quotes", '"111122223333"'),
        ("debugger.profile", "true or false", "true"),
        (
            "tuning.ranges.epochs",
            "a list of values or {type: categorical or continuous or integer, …} or null",
            "null",
        ),
    ],
)
def test_types_bounds_and_values(
    entries: dict[str, Entry], key: str, allowed: str, default: str
) -> None:
    assert (entries[key].allowed, entries[key].default) == (allowed, default)


def test_a_meaning_goes_on_in_lines_of_comment_and_holds_for_what_is_inside(
    tmp_path: Path,
) -> None:
    file = tmp_path / "pipeline.yaml"
    file.write_text(
        'project: "a # b"  # names it,\n'
        "                  # and more\n"
        "# about the section, not the key above\n"
        "data:\n"
        "  split:  # of pictures\n"
        "    {train: 0.8}\n"
    )
    found = {e.key: e.meaning for section in sections(file) for e in section.entries}
    assert found["project"] == "names it, and more"
    assert found["data.split.train"] == "of pictures"
    assert found["data.seed"] == ""


def test_some_sections_alone_and_a_hint_at_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    main(["gate"])
    out = capsys.readouterr().out
    assert "`gate.accuracy_threshold`" in out
    assert "`training.lr`" not in out
    with pytest.raises(UsageError, match="did you mean gate"):
        main(["gaet"])
