"""Settings as one hyperparameter."""

import pytest

from pipeline.job_scripts.toolkit_arguments import argument, decoded, survives_a_shell
from searching.settings_table import numbers_of, part_names, read_table, write_table

SETTINGS = [{"lr": "1e-05", "optimizer": "SGD"}, {"lr": "0.0012", "optimizer": "AdamW"}]


def test_settings_are_read_back_by_number() -> None:
    assert read_table(write_table(SETTINGS)) == dict(enumerate(SETTINGS, start=1))


def test_the_table_and_the_parts_reach_the_script_unchanged() -> None:
    for text in (write_table(SETTINGS), write_table([{"lr": "0.1"}]), *part_names(20, 7)):
        assert survives_a_shell(text) and argument(decoded(text)) == text


@pytest.mark.parametrize("text", ["", "lr", "lr,lr:1,2", ",:1,2", "lr,seed:1", "lr:1,2"])
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_table(text)


@pytest.mark.parametrize(
    ("count", "size", "names"),
    [(20, 7, ["1-7", "8-14", "15-20"]), (2, 1, ["1-1", "2-2"]), (3, 9, ["1-3"])],
)
def test_parts_hold_every_setting_once(count: int, size: int, names: list[str]) -> None:
    assert part_names(count, size) == names
    assert [n for name in names for n in numbers_of(name)] == list(range(1, count + 1))


@pytest.mark.parametrize("part", ["", "7", "7-", "0-3", "4-3", "a-b"])
def test_what_names_no_settings_is_refused(part: str) -> None:
    with pytest.raises(ValueError):
        numbers_of(part)
