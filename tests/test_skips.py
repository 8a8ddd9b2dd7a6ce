"""The last line of a run does not make less of what was skipped than it is."""

import pytest

from tests.skips import Report, skips_in_words


def a_test(reason: str) -> Report:
    place = ("a.py", 1, "test_a")
    why = ("a.py", 1, f"Skipped: {reason}")
    return pytest.TestReport("a.py::test_a", place, {}, "skipped", why, "setup")


def a_file(reason: str) -> Report:
    return pytest.CollectReport("b.py", "skipped", ("b.py", 1, f"Skipped: {reason}"), None)


@pytest.mark.parametrize(
    ("reports", "said"),
    [
        ([], "nothing skipped"),
        ([a_test("no IPv6")], "1 test skipped; 1 test because no IPv6"),
        (
            [a_file("no smdebug"), a_test("no IPv6"), a_file("no smdebug"), a_test("no smdebug")],
            "2 tests and 2 files skipped; 1 test because no IPv6; 1 test because no smdebug; "
            "2 files because no smdebug",
        ),
    ],
)
def test_files_are_told_from_tests(reports: list[Report], said: str) -> None:
    assert skips_in_words(reports) == said
