"""What people see while a run works."""

import io
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.command_line.step_table import LiveTable, PlainLines, StepProgress, display

BEGIN = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


def step(status: str, **changes: object) -> StepProgress:
    return StepProgress("Tune", "Tuning", status, **changes)  # type: ignore[arg-type]


def test_plain_lines_say_each_state_once() -> None:
    stream = io.StringIO()
    lines = PlainLines(stream)
    for status in ("Waiting", "Executing", "Executing", "Succeeded"):
        lines.update(step(status, started=BEGIN, ended=BEGIN + timedelta(seconds=2.5)))
    assert stream.getvalue().splitlines() == [
        "Tune             Executing  2.5 s",
        "Tune             Succeeded  2.5 s",
    ]


def test_plain_lines_show_every_trial_and_the_newest_metric() -> None:
    stream = io.StringIO()
    lines = PlainLines(stream)
    for done in (0, 1, 2):
        lines.update(step("Executing", trials_done=done, trials_total=2, metric="accuracy 0.9"))
    assert [line.split("  ")[-2:] for line in stream.getvalue().splitlines()] == [
        ["trials 0/2", "accuracy 0.9"],
        ["trials 1/2", "accuracy 0.9"],
        ["trials 2/2", "accuracy 0.9"],
    ]


def test_plain_lines_say_how_far_a_step_is_every_few_seconds() -> None:
    stream, seconds = io.StringIO(), iter((0.0, 4.0, 11.0, 11.0, 12.0))
    lines = PlainLines(stream, lambda: next(seconds))
    for left in (40, 36, 29):
        lines.update(step("Executing", progress=f"decoded, {left} s left"))
    lines.update(step("Succeeded", progress="decoded, 29 s left"))
    assert stream.getvalue().splitlines() == [
        "Tune             Executing  decoded, 40 s left",
        "Tune             Executing  decoded, 29 s left",
        "Tune             Succeeded",
    ]


def test_trials_say_how_long_the_rest_takes() -> None:
    stream = io.StringIO()
    begun = datetime.now(UTC) - timedelta(seconds=3600)
    trials = step("Executing", started=begun, trials_done=3, trials_total=6)
    PlainLines(stream).update(trials)
    assert stream.getvalue().rstrip().endswith("trials 3/6  about 60 min left")


def test_a_cached_step_says_so_and_shows_no_time() -> None:
    stream = io.StringIO()
    PlainLines(stream).update(step("Succeeded", started=BEGIN, ended=BEGIN, cached=True))
    assert stream.getvalue() == "Tune             Succeeded  from the cache\n"


def test_a_failed_step_shows_the_first_line_of_its_message() -> None:
    stream = io.StringIO()
    PlainLines(stream).update(step("Failed", message="exit code 1: no pictures\nlog: ..."))
    assert "exit code 1: no pictures" in stream.getvalue()
    assert "log:" not in stream.getvalue()


@pytest.mark.parametrize("status", ["Waiting", "Executing", "Failed", "Succeeded", "Skipped"])
def test_the_table_has_one_row_a_step_with_its_state(status: str) -> None:
    from rich.console import Console

    table = LiveTable([step("Waiting"), StepProgress("Train", "Training", "Waiting")])
    table.update(step(status))
    console = Console(width=100, file=io.StringIO(), record=True)
    console.print(table.render())
    text = console.export_text()
    assert status in text.splitlines()[1]
    assert text.splitlines()[2].startswith("Train")


def test_a_wide_name_hides_no_other_column() -> None:
    from rich.console import Console

    name = "-".join(["0123456"] * 8)
    reason = "AlgorithmError: the training script raised an error about the pictures"
    ended = StepProgress(
        name, "Processing", "Failed", BEGIN, BEGIN + timedelta(minutes=9), message=reason
    )
    table = LiveTable([ended, step("Waiting")])
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(table.render())
    text = console.export_text()
    for shown in ("Processing", "✗ Failed", "9m 00s", "AlgorithmError:"):
        assert shown in text
    first = [line.split("  ")[0] for line in text.splitlines()]
    assert name in "".join(first)


def test_markup_in_a_message_is_shown_as_it_is() -> None:
    from rich.console import Console

    table = LiveTable([step("Failed", message="[red]not markup[/red]")])
    console = Console(width=100, file=io.StringIO(), record=True)
    console.print(table.render())
    assert "[red]not markup[/red]" in console.export_text()


def test_without_a_terminal_the_display_is_plain_lines() -> None:
    with display([], io.StringIO()) as shown:
        assert isinstance(shown, PlainLines)
