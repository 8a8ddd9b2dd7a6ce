"""Writes one step's tensors as smdebug does, without a thread and a queue for each file.

Starting and joining them costs a step of a small network several times over.
"""

from typing import Any

from smdebug.core.locations import TensorLocation
from smdebug.core.tfevent.event_file_writer import EventFileWriter
from smdebug.core.tfevent.events_writer import EventsWriter
from smdebug.core.utils import get_relative_event_file_path, parse_worker_name_from_file


class DirectWriter(EventFileWriter):  # type: ignore[misc]
    """An event file, and its tensors' places in the index, written by the caller's own thread."""

    def __init__(self, path: str, index: Any) -> None:
        self._index = index
        self._events = EventsWriter(path=path, index_writer=index)
        self._events.init()

    def write_event(self, event: Any) -> None:
        """Writes an EventWithIndex: an event, and what it holds for the index."""
        start, length = self._events.write_event(event.event)
        file = get_relative_event_file_path(self._events.name())
        place = TensorLocation(
            tname=event.tensorname,
            mode=event.get_mode(),
            mode_step=event.mode_step,
            event_file_name=file,
            start_idx=start,
            length=length,
            worker=parse_worker_name_from_file(file),
        )
        self._index.add_index(place)

    def flush(self) -> None:
        """Hands what was written to the system."""
        self._events.flush()

    def close(self) -> None:
        """Gives the file its final name."""
        self._events.close()
