# ruff: noqa: RUF001 - digits of other alphabets are what this is about
"""What is given on a command line is read as it is meant, within bounds, or refused."""

import argparse
import os
import socket
import threading
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.given import for_terminal, given_path, read_given, shortened, whole_number


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("007", 7), ("-3", -3), ("9" * 18, 10**18 - 1)]
)
def test_a_number_is_its_digits(text: str, number: int) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "+1", "1_0", "1.0", "1e3", "²", "١", "１", "0x10", "--1", "9" * 5000]
)
def test_what_else_int_would_take_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="is not a whole number"):
        whole_number(text)


def test_a_quoted_text_neither_fills_a_screen_nor_moves_a_cursor() -> None:
    assert len(shortened("9" * 5000)) < 70
    assert shortened("\x1b[2J\n") == "'\\x1b[2J\\n'"


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    assert read_given(file, 5) == b"12345"
    with pytest.raises(UsageError, match="larger than 4 bytes"):
        read_given(file, 4)


def test_a_pipe_of_the_shell_is_read_up_to_the_limit_too() -> None:
    for content, most in ((b"from a command", 100), (b"x" * 5000, 1000)):
        reader, writer = os.pipe()
        os.write(writer, content)
        os.close(writer)
        try:
            if len(content) <= most:
                assert read_given(Path(f"/dev/fd/{reader}"), most) == content
            else:
                with pytest.raises(UsageError, match="larger"):
                    read_given(Path(f"/dev/fd/{reader}"), most)
        finally:
            os.close(reader)


@pytest.mark.parametrize("kind", ["device", "folder", "fifo", "socket", "a link to a device"])
def test_what_is_no_file_is_refused_and_not_waited_for(kind: str, tmp_path: Path) -> None:
    place = tmp_path / "it"
    if kind == "folder":
        place.mkdir()
    elif kind == "fifo":
        os.mkfifo(place)
    elif kind == "a link to a device":
        place.symlink_to("/dev/zero")
    elif kind == "device":
        place = Path("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        if kind == "socket":
            here = os.open(tmp_path, os.O_RDONLY)
            listener.bind(f"/proc/self/fd/{here}/it")  # the path itself may be too long
            os.close(here)
        refused: list[str] = []

        def read() -> None:
            try:
                read_given(place, 10)
            except UsageError as error:
                refused.append(str(error))

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        thread.join(60)
    assert refused
    assert "give a file" in refused[0]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("no folder \x1b[31mred\x07", "no folder \\x1b[31mred\\x07"),
        ("photo\u202egpj.exe", "photo\\u202egpj.exe"),
        ("two\n  lines\tof Épagneul 犬", "two\n  lines\tof Épagneul 犬"),
        (f"no file {'x' * 5000}", f"no file {'x' * 100}…"),
    ],
)
def test_what_is_given_neither_steers_nor_fills_a_terminal(given: str, shown: str) -> None:
    assert for_terminal(given) == shown


@pytest.mark.parametrize("unset", ["", " "])
def test_what_an_unset_variable_leaves_is_no_path(unset: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="names nothing: is a variable unset"):
        given_path(unset)
    assert given_path("a b") == Path("a b")
