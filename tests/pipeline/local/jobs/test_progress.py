"""A job's own lines say how far it is."""

import pytest

from pipeline.local.jobs.progress import progress_in


@pytest.mark.parametrize(
    ("line", "progress"),
    [
        ("decoded: 1,200 of 8,400 (430/s, 17 s left)", "decoded 1,200 of 8,400, 17 s left"),
        (
            "train features: 1,200 of 84,000 (43/s, 1925 s left)\r",
            "train features 1,200 of 84,000, 32 min left",
        ),
        ("decoded: 8,400 of 8,400 (430/s, 20 s)", ""),  # done: nothing more to show
        ("epoch 1: train loss 0.5", None),
        ("refused a: 1 of 2 (x/s, 3 s left)", None),
        ("\x1b[2Jread: 1 of 2 (1/s, 3 s left)", None),
        (f"read: 1 of 2 (1/s, {'9' * 5000} s left)", None),
        ("", None),
    ],
)
def test_a_line_is_read(line: str, progress: str | None) -> None:
    assert progress_in(line) == progress
