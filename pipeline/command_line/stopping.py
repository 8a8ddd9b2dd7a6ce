"""Stop a command by a signal in order: Ctrl-C, SIGTERM, and a terminal that is closed."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from types import FrameType

_REASONS = {
    signal.SIGINT: "Ctrl-C",
    signal.SIGTERM: "SIGTERM",
    signal.SIGHUP: "the terminal was closed",
}
Handler = Callable[[int, FrameType | None], None]


class Stopped(KeyboardInterrupt):
    """A signal ended the command; the message says which."""


class StopRequest(threading.Event):
    """An event that asks for a stop, and why; a signal's handler may set it.

    It may not set a plain one: that takes a lock, which the thread that the handler interrupts may
    hold, as it waits for the event. To put into a SimpleQueue is safe there.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reason = ""
        self._is_asked = False
        self._waking: SimpleQueue[None] = SimpleQueue()

    def ask(self, reason: str) -> None:
        """Set the event with its reason."""
        self.reason = reason
        self.set()

    def set(self) -> None:
        """Set the event: whoever waits goes on."""
        self._is_asked = True
        self._waking.put(None)

    def is_set(self) -> bool:
        """Say whether a stop is asked for."""
        return self._is_asked

    def wait(self, timeout: float | None = None) -> bool:
        """Wait so many seconds, or for ever, for a stop to be asked for; say whether it is."""
        with suppress(Empty):
            self._waking.get(timeout=timeout)
            self._waking.put(None)  # for the next one who waits
        return self._is_asked


def reason_of(number: int) -> str:
    """Say what a signal means."""
    return _REASONS.get(signal.Signals(number), signal.Signals(number).name)


def is_echo(number: int, before: Sequence[int]) -> bool:
    """Check whether a signal says nothing new: a terminal sends SIGHUP, and its shell once more."""
    return number == signal.SIGHUP and bool(before)


@contextmanager
def handled(handler: Handler) -> Iterator[None]:
    """Let `handler` take the signals that ask for a stop; SIGHUP not under nohup, which ignores it.

    Signals reach the main thread alone: in another one this changes nothing.
    """
    with _taken(handler, tuple(_REASONS)):
        yield


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Raise Stopped where SIGTERM or SIGHUP would end the process without a word."""
    heard: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        heard.append(number)
        if not is_echo(number, heard[:-1]):
            raise Stopped(reason_of(number))

    with _taken(stop, (signal.SIGTERM, signal.SIGHUP)):
        yield


@contextmanager
def cancel_on_signals() -> Iterator[StopRequest]:
    """Yield an event that Ctrl-C, SIGTERM or SIGHUP sets; a second one interrupts at once."""
    cancel = StopRequest()
    heard: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        heard.append(number)
        if not cancel.is_set():
            cancel.ask(reason_of(number))
        elif not is_echo(number, heard[:-1]):
            raise Stopped(reason_of(number))

    with handled(stop):
        yield cancel


@contextmanager
def _taken(handler: Handler, numbers: tuple[signal.Signals, ...]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    own = [number for number in numbers if number != signal.SIGHUP or not ignored]
    before = {number: signal.signal(number, handler) for number in own}
    try:
        yield
    finally:
        for number, known in before.items():
            signal.signal(number, known)
