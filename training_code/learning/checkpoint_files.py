"""Write and read checkpoints: two files that take turns, each whole or known to be damaged.

A file is replaced in one step, and ends with the sha256 of what is before: a process that is killed
leaves the one of the epoch before, and so does a copy that was taken while a file was replaced.
"""

import io
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from job.log import log

State = Mapping[str, Any]
_NAMES = ("checkpoint-0.pt", "checkpoint-1.pt")
_BEING_WRITTEN = ".part"  # left by a process that was killed
_DIGEST = sha256().digest_size


class _Damaged(Exception):
    """A file that is no checkpoint, or only a part of one."""


def write_checkpoint(folder: Path, state: State, turn: int, *, alone: bool) -> None:
    """Write the state of that turn; `alone` removes the one before, which may be large.

    A state is of tensors, numbers, text, lists and dictionaries. Raises OSError.
    """
    buffer = io.BytesIO()
    torch.save({"turn": turn, **state}, buffer)
    content = buffer.getbuffer()
    path = folder / _NAMES[turn % 2]
    part = path.with_name(path.name + _BEING_WRITTEN)
    try:
        with part.open("wb") as file:
            file.write(content)
            file.write(sha256(content).digest())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    if alone:
        (folder / _NAMES[(turn + 1) % 2]).unlink(missing_ok=True)


def read_checkpoint(folder: Path) -> State | None:
    """Read the newest state that is whole; None without one. A damaged file costs a line."""
    found = []
    for path in (folder / name for name in _NAMES):
        try:
            found.append(_read(path))
        except FileNotFoundError:
            continue
        except (_Damaged, OSError) as error:
            log(f"warning: the checkpoint {path} is not used: {error}")
    return max(found, key=lambda state: int(state["turn"]), default=None)


def _read(path: Path) -> State:
    content = path.read_bytes()
    payload, digest = content[:-_DIGEST], content[-_DIGEST:]
    if sha256(payload).digest() != digest:
        raise _Damaged("it is damaged")
    try:
        state = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except Exception as error:  # whole, and of another version of torch
        raise _Damaged(f"it cannot be read ({type(error).__name__}: {error})") from error
    if not isinstance(state, dict) or not isinstance(state.get("turn"), int):
        raise _Damaged("it is no checkpoint of a training")
    return state
