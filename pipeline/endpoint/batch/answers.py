"""Keep the answers about many pictures in a CSV file, so that a later call can go on with it.

A row a picture: file, best class and its probability, the next classes, whether it shows one of the
classes and the score that says so, the error instead, and the model that answered. Rows are added
durably; one that a kill cut off is dropped at the next start, and so are those with errors and
those of pictures that changed since: they are asked about again.
"""

import csv
import fcntl
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pipeline.endpoint.predictions import Prediction
from pipeline.errors import UsageError
from training_code.decisions import as_cell, from_cell

_ANOTHER = "name another file, or remove this one to begin anew"
_KNOWN = {None: "", True: "true", False: "false"}
_LAST = ("error", "model")
Row = list[str]


class AnswersFile:
    """An open CSV file of answers; `done` are the pictures that it has an answer about.

    `unknown` counts those that show none of the classes, with the ones that are added.
    """

    def __init__(self, file: TextIO, top: int, model: str, kept: Sequence[Row]) -> None:
        self.done = frozenset(row[0] for row in kept)
        self.unknown = sum(row[-4] == _KNOWN[False] for row in kept)
        self._file = file
        self._top = top
        self._model = model

    def add(self, results: Sequence[Prediction]) -> None:
        """Add a row a result; they are on the disk when this returns. Raises OSError."""
        self._file.write(_text([self._row(result) for result in results]))
        self._file.flush()
        os.fsync(self._file.fileno())
        self.unknown += sum(result.known is False for result in results)

    def _row(self, result: Prediction) -> Row:
        cells = [cell for label, value in result.classes for cell in (label, repr(value))]
        error = f"{result.status}: {result.error}" if result.error else ""
        known = [_KNOWN[result.known], "" if result.score is None else repr(result.score)]
        return [result.file, *_filled(cells, 2 * self._top), *known, error, self._model]


@contextmanager
def open_answers(path: Path, top: int, model: str | None) -> Iterator[AnswersFile]:
    """Open the file for the answers of a model, made where it is not there yet.

    Raises UsageError when it holds something else or another model's answers, or when another
    command writes to it. Without a `model`, nothing tells whether it is the one of before, so a
    file with answers is refused.
    """
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is no regular file: {_ANOTHER}")
    path = path.resolve()  # of a link, what it leads to is replaced
    with _locked(path) as file:
        rows = _read(path, file.read(), top)
        _check_model(path, rows, model)
        written = os.fstat(file.fileno()).st_mtime
        kept = [row for row in rows if not row[-2] and not _changed_since(row[0], written)]
        with _replaced(path, _text([_header(top), *kept])) as fresh:
            yield AnswersFile(fresh, top, model or "", kept)


@contextmanager
def _locked(path: Path) -> Iterator[TextIO]:
    """Open the file of this name for this command alone, at its beginning."""
    while True:
        with _open(path, "a+") as file:
            _lock(path, file)
            # another command may have put its own in the place of what was opened
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                file.seek(0)
                yield file
                return


@contextmanager
def _replaced(path: Path, text: str) -> Iterator[TextIO]:
    """Put a new file with this text in the place of the old one; yield it, open for more."""
    part = path.with_name(f"{path.name}.part")
    with _open(part, "w") as file:
        _lock(path, file)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
        part.replace(path)
        yield file


def _open(path: Path, mode: str) -> TextIO:
    return path.open(mode, encoding="utf-8", errors="surrogateescape", newline="")  # type: ignore[return-value]


def _lock(path: Path, file: TextIO) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(f"{path}: another command writes to it: wait for its end") from None


def _changed_since(name: str, written: float) -> bool:
    try:
        known = os.stat(name)  # noqa: PTH116 - called for every picture
        return max(known.st_mtime, known.st_ctime) > written  # a copy may keep an older time
    except OSError:
        return False  # it is gone, and its answer still true


def _read(path: Path, text: str, top: int) -> list[Row]:
    """Return the complete rows below the header. Raises UsageError for another file's text."""
    rows: list[Row] = []
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), strict=True):
            rows.append([from_cell(cell) for cell in cells])
    except csv.Error:
        pass  # cut off within a quoted name: the last row, which was not added yet
    else:
        if text and not text.endswith("\n"):
            rows.pop()
    if not rows:
        if not _text([_header(top)]).startswith(text):
            raise UsageError(f"{path} holds no answers of this command: {_ANOTHER}")
        return []
    header, *found = rows
    if header == [*_first(top), *_LAST]:
        raise UsageError(
            f"{path} was begun by an earlier version: it does not say which pictures show none of "
            f"the classes (known, score), so it cannot be gone on with: {_ANOTHER}"
        )
    if header != _header(top):
        raise UsageError(
            f"{path} has other columns than the answers with --top {top}: give the --top of "
            f"before, or {_ANOTHER}"
        )
    if any(len(row) != len(header) for row in found):
        raise UsageError(f"{path} has rows of another length than its header: {_ANOTHER}")
    return found


def _check_model(path: Path, rows: Sequence[Row], model: str | None) -> None:
    if not rows:
        return
    if model is None:
        raise UsageError(
            f"{path} has answers, and a model that is served without an endpoint may be another "
            f"one: {_ANOTHER}"
        )
    others = sorted({row[-1] for row in rows} - {model})
    if others:
        was = others[0] or "a model without a name"
        raise UsageError(f"{path} has answers of {was}; now {model} would answer: {_ANOTHER}")


def _header(top: int) -> Row:
    return [*_first(top), "known", "score", *_LAST]


def _first(top: int) -> Row:
    more = [
        cell for place in range(2, top + 1) for cell in (f"label_{place}", f"probability_{place}")
    ]
    return ["file", "label", "probability", *more]


def _filled(cells: Row, length: int) -> Row:
    return [*cells, *[""] * (length - len(cells))]


def _text(rows: Sequence[Row]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([as_cell(cell) for cell in row] for row in rows)
    return text.getvalue()
