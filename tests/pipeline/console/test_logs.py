"""A log is shown from its end, grows by whole lines, and holds nothing for terminals."""

from pathlib import Path

import pytest

from pipeline.aws.log_parts import START, Asked
from pipeline.console.logs import (
    PART_BYTES,
    log_names,
    log_of,
    read_asked,
    read_end,
    read_since,
)
from pipeline.errors import UsageError


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name / "log.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"\x1b[31mred\x1b[0m\n", "red\n"),
        (b"\x1b]0;title\x07x\n", "x\n"),
        (b"50%\r100%\n", "50%\n100%\n"),
        (b"a\x00b\x08\n", "ab\n"),
        (b"\xff\xfe\n", "��\n"),
        (b"<script>\n", "<script>\n"),
        (b"", ""),
    ],
)
def test_a_log_is_text(tmp_path: Path, content: bytes, text: str) -> None:
    assert read_end(written(tmp_path, "Train", content)).text == text


def test_a_long_log_begins_with_a_whole_line(tmp_path: Path) -> None:
    path = written(tmp_path, "Train", b"".join(b"line %d\n" % n for n in range(50_000)))
    part = read_end(path, 1000)
    assert part.is_cut
    assert part.text.startswith("line ") and part.text.endswith("line 49999\n")
    assert part.end == path.stat().st_size


def test_what_comes_since_ends_with_a_whole_line(tmp_path: Path) -> None:
    path = written(tmp_path, "Train", b"one\ntw")
    first = read_since(path, 0)
    assert (first.text, first.end) == ("one\n", 4)
    assert read_since(path, 4).end == 4
    path.write_bytes(b"one\ntwo\nthree\n")
    assert read_since(path, 4).text == "two\nthree\n"


def test_a_line_longer_than_a_part_comes_in_parts(tmp_path: Path) -> None:
    path = written(tmp_path, "Train", b"x" * (PART_BYTES + 5) + b"\n")
    first = read_since(path, 0)
    assert first.end == PART_BYTES
    assert read_since(path, first.end).text == "xxxxx\n"


LONG = b"".join(b"line %d\n" % n for n in range(30_000)) + b"x" * 300_000 + b"\nlast"


def test_a_log_is_read_backwards_without_a_gap(tmp_path: Path) -> None:
    path = written(tmp_path, "Train", LONG)
    part, earlier, later = read_asked(path, Asked())
    texts = [part.text]
    assert later == ""
    while earlier:
        part, earlier, later = read_asked(path, Asked(before=earlier))
        texts.insert(0, part.text)
        assert later and len(texts) < 20
    assert "".join(texts).encode() == LONG


def test_a_log_is_read_forwards_without_a_gap(tmp_path: Path) -> None:
    path, later, texts = written(tmp_path, "Train", LONG), START, []
    while later:
        part, earlier, later = read_asked(path, Asked(after=later))
        texts.append(part.text)
        assert len(texts) < 20 and bool(earlier) == (len(texts) > 1)
    assert "".join(texts).encode() == LONG


@pytest.mark.parametrize("mark", ["x", "-1", "1.5", "9" * 17, "٣"])
def test_what_is_no_mark_is_refused(tmp_path: Path, mark: str) -> None:
    path = written(tmp_path, "Train", b"one\n")
    for asked in (Asked(before=mark), Asked(after=mark)):
        with pytest.raises(UsageError, match="marks no place"):
            read_asked(path, asked)


def test_only_logs_that_are_there_have_a_name(tmp_path: Path) -> None:
    written(tmp_path, "Train", b"")
    written(tmp_path, "Tune/job-1", b"")
    (tmp_path / "secret").write_text("")
    assert log_names(tmp_path) == ["Train", "Tune/job-1"]
    for name in ("../x", "Train/..", "secret", "/etc", "", "Tune"):
        with pytest.raises(UsageError):
            log_of(tmp_path, name)
