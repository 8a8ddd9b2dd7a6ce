"""How jobs end: exit codes, one clear line, and the message where SageMaker reads it."""

import errno
from pathlib import Path

import pytest

from job.errors import MESSAGE_BYTES, JobError, run_job


@pytest.fixture
def message_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "output" / "message"
    monkeypatch.setenv("EXIT_MESSAGE_FILE", str(path))
    monkeypatch.delenv("SM_OUTPUT_DIR", raising=False)
    return path


def failing(error: BaseException) -> None:
    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        run_job(main)
    assert ended.value.code == 1


def test_success_says_nothing(message_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_job(lambda: None)
    assert capsys.readouterr().err == ""
    assert not message_file.exists()


def test_a_users_mistake_is_one_line(
    message_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(JobError("the folder is empty; add pictures"))
    assert capsys.readouterr().err == "error: the folder is empty; add pictures\n"
    assert message_file.read_text() == "the folder is empty; add pictures"


def test_our_mistake_keeps_its_traceback_in_the_log(
    message_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(ZeroDivisionError("by zero"))
    assert "Traceback" in capsys.readouterr().err
    assert message_file.read_text() == "ZeroDivisionError: by zero"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_one_line_wherever_it_is_noticed(
    message_file: Path, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    failing(OSError(number, "full", "/output/train.npy"))
    assert capsys.readouterr().err.startswith("error: no space left on the disk at /output/train")
    assert "volume_gb" in message_file.read_text()


def test_other_system_errors_keep_their_traceback(
    message_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(PermissionError(errno.EACCES, "denied", "/output"))
    assert "Traceback" in capsys.readouterr().err
    assert message_file.read_text().startswith("PermissionError")


def test_a_training_job_writes_its_failure_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EXIT_MESSAGE_FILE", raising=False)
    monkeypatch.setenv("SM_OUTPUT_DIR", str(tmp_path))
    failing(JobError("no channel"))
    assert (tmp_path / "failure").read_text() == "no channel"


def test_long_messages_are_cut_to_what_is_kept(message_file: Path) -> None:
    failing(JobError("é" * 2000))
    assert message_file.read_text("utf-8") == "é" * (MESSAGE_BYTES // 2)


def test_an_unwritable_message_does_not_hide_the_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EXIT_MESSAGE_FILE", str(tmp_path / "file" / "message"))
    failing(JobError("what was wrong"))
    assert "what was wrong" in capsys.readouterr().err


def test_an_exit_passes_through(message_file: Path) -> None:
    def main() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit) as ended:
        run_job(main)
    assert ended.value.code == 3
    assert not message_file.exists()
