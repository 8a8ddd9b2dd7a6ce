"""Each server has its own log, and is given its own reason when it ends."""

import signal
from pathlib import Path

import pytest

from pipeline.local.service.hosting.server_log import own_log, why_it_ended


def test_each_server_has_a_log_of_its_own_and_the_last_ten_are_kept(tmp_path: Path) -> None:
    (tmp_path / "endpoint-e-2.7.log").touch()  # another endpoint's
    made = [own_log(tmp_path / "endpoint-e.log").name for _ in range(12)]
    assert made == [f"endpoint-e.{number}.log" for number in range(1, 13)]
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {*made[2:], "endpoint-e-2.7.log"}
    assert own_log(tmp_path / "log").name == "log.1"


@pytest.mark.parametrize(
    ("code", "log", "reason"),
    [
        (1, "error: the model has no weights\n", "the model has no weights"),
        (1, "error: no weights\nresource_tracker: leaked\n", "no weights"),
        (3, "one\n\n  two  \n\n", "exit code 3 ended it; its last line: two"),
        (0, "", "exit code 0 ended it, silently"),
        (4, None, "exit code 4 ended it, silently"),
        (1, "a \x1b[31mred\x07 line", "exit code 1 ended it; its last line: a  [31mred  line"),
        (1, "x" * 20_000, f"exit code 1 ended it; its last line: {'x' * 500}"),
        (1, b"\xff\xfe", "exit code 1 ended it; its last line: \ufffd\ufffd"),
        (
            -signal.SIGKILL,
            "loading\n",
            "signal 9 ended it (Killed: often there is not enough memory); its last line: loading",
        ),
        (-signal.SIGSEGV, "", "signal 11 ended it (Segmentation fault), silently"),
        (-64, "", "signal 64 ended it (Real-time signal 30), silently"),
    ],
)
def test_why_a_server_ended(
    tmp_path: Path, code: int, log: str | bytes | None, reason: str
) -> None:
    path = tmp_path / "server.log"
    if log is not None:
        path.write_bytes(log.encode() if isinstance(log, str) else log)
    assert why_it_ended(code, path) == reason
