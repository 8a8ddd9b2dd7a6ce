"""Write one step's tensors in smdebug's format, with as little work as the format asks for.

smdebug builds each record from protobuf objects in pure Python and hands it to a thread of its own;
that costs a step of a small network several times over. The format is TensorFlow's: a file of
records (tensorflow/core/lib/io/record_writer.h), each an `Event` (tensorflow/core/util/event.proto)
with one tensor; smdebug adds an index of them as JSON. Paths are plain strings here: most steps
save one number, and making pathlib's objects would take as long as writing it.
"""

import json
import os
import struct
import time
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from smdebug.core.locations import IndexFileLocationUtils, TensorFileLocation
from smdebug.core.modes import MODE_PLUGIN_NAME, MODE_STEP_PLUGIN_NAME
from smdebug.core.tfrecord.record_writer import CHECKSUM_MAGIC_BYTES, masked_crc32c

# Types of smdebug's protocol by numpy's name: TensorFlow's types.proto.
_TYPES = {
    "float32": 1,
    "float64": 2,
    "int32": 3,
    "uint8": 4,
    "int16": 5,
    "int8": 6,
    "int64": 9,
    "bool": 10,
    "float16": 19,
}
_END = struct.pack("<I", masked_crc32c(CHECKSUM_MAGIC_BYTES))  # smdebug's instead of a checksum
_BEING_WRITTEN = ".tmp"  # readers leave such files alone
_IN_MEMORY = 2**16  # bytes that wait for close(); more go to the file as they come


class UnknownType(ValueError):
    """smdebug's format has no such type of values."""


class StepWriter:
    """A writer of the tensors of one step of one process: an event file, and then its index.

    It has those of smdebug's FileWriter's methods that a hook without TensorBoard calls.
    """

    def __init__(self, folder: str, step: int, worker: str) -> None:
        """Take the trial's `folder` and the `step`, counted over all modes."""
        self._step = step
        # Readers go by the index: one folder for a thousand steps will do, as the index itself has.
        thousand = IndexFileLocationUtils.get_index_prefix_for_step(step)
        name = TensorFileLocation(step, worker).get_filename()
        self._event_name = f"{TensorFileLocation.get_dir('')}/{thousand}/{name}"
        self._events = os.path.join(folder, self._event_name)
        self._index = IndexFileLocationUtils.get_index_key_for_step(folder, step, worker)
        self._file: BinaryIO | None = None
        self._waiting = bytearray()
        self._size = 0
        self._meta: dict[str, Any] = {}
        self._tensors: list[dict[str, Any]] = []
        self._shapes: list[dict[str, Any]] = []

    def write_tensor(
        self,
        tdata: NDArray[Any],
        tname: str,
        *,
        mode: Any,
        mode_step: int,
        timestamp: float | None = None,
    ) -> None:
        """Write the values now: they may change afterwards. Raises UnknownType, OSError."""
        head = _event(tname, tdata, self._step, (mode, mode_step), timestamp or time.time())
        length = struct.pack("<Q", len(head) + tdata.nbytes)
        start = length + struct.pack("<I", masked_crc32c(length)) + head
        values = np.ascontiguousarray(tdata).data
        if self._file is None and len(self._waiting) + tdata.nbytes <= _IN_MEMORY:
            self._waiting += b"".join((start, values, _END))
        else:
            self._open().writelines((start, values, _END))
        size = len(start) + tdata.nbytes + len(_END)
        self._tensors.append({"tensorname": tname, "start_idx": self._size, "length": size})
        self._size += size
        self._meta = {"mode": mode.name, "mode_step": mode_step}

    def write_shape(
        self,
        name: str,
        shape: tuple[int, ...],
        mode: Any,
        mode_step: int,
        original_name: str | None = None,
    ) -> None:
        """Note a tensor's shape, for a collection that saves no more of it."""
        self._shapes.append(
            {"tensorname": name, "originalname": original_name or name, "shape": list(shape)}
        )
        self._meta = {"mode": mode.name, "mode_step": mode_step}

    def flush(self) -> None:
        """Do nothing: a step can be read when it is complete."""

    def close(self) -> None:
        """Give the files their final names, the index last: it says that the tensors are there."""
        if self._file is not None or self._waiting:
            self._open().close()
            self._file = None
            os.replace(self._events + _BEING_WRITTEN, self._events)
            self._meta["event_file_name"] = self._event_name
        if not self._meta:
            return
        index = {
            "meta": self._meta,
            "tensor_payload": self._tensors,
            "shape_payload": self._shapes,
        }
        with _create(self._index) as file:
            file.write(json.dumps(index).encode())
        os.replace(self._index + _BEING_WRITTEN, self._index)
        self._meta = {}

    def _open(self) -> BinaryIO:
        """Return the event file, after writing to it what waited in memory."""
        if self._file is None:
            self._file = _create(self._events)
            self._file.write(self._waiting)
            self._waiting.clear()
        return self._file


def _create(path: str) -> BinaryIO:
    """Create a file that readers do not see yet."""
    try:
        return open(path + _BEING_WRITTEN, "wb")
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return open(path + _BEING_WRITTEN, "wb")


def _event(
    name: str, values: NDArray[Any], step: int, place: tuple[Any, int], seconds: float
) -> bytes:
    """Encode an Event but for its values, which come last in it. `place`: mode and its step."""
    if values.dtype.name not in _TYPES:
        raise UnknownType(f"{name} holds {values.dtype}; there are {', '.join(_TYPES)}")
    mode, mode_step = place
    shape = b"".join(_part(2, _dimension(name, size)) for size in values.shape)
    tensor = b"\x08" + _number(_TYPES[values.dtype.name]) + _part(2, shape)
    tensor += b"\x22" + _number(values.nbytes)  # tensor_content, which follows
    notes = _note(MODE_STEP_PLUGIN_NAME, mode_step) + _note(MODE_PLUGIN_NAME, mode.value)
    value = _part(1, name.encode()) + _part(9, notes)
    value += b"\x42" + _number(len(tensor) + values.nbytes) + tensor
    summary = b"\x0a" + _number(len(value) + values.nbytes) + value
    start = b"\x09" + struct.pack("<d", seconds) + b"\x10" + _number(step)
    return start + b"\x2a" + _number(len(summary) + values.nbytes) + summary


def _dimension(name: str, size: int) -> bytes:
    return b"\x08" + _number(size) + _part(2, f"{name}_{size}".encode())


def _note(name: str, value: int) -> bytes:
    return _part(1, _part(1, name.encode()) + _part(2, str(value).encode()))


def _part(number: int, content: bytes) -> bytes:
    """Encode a field with a length before it: protobuf.dev/programming-guides/encoding."""
    return bytes((number << 3 | 2,)) + _number(len(content)) + content


def _number(value: int) -> bytes:
    """Encode a varint: seven bits a byte, the lowest first."""
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)
