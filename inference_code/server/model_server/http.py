"""Run an application over HTTP, its connections within bounds: how many, how long, how many bytes.

A client that sends its request slowly, or never, keeps no other from being answered: it gets a
limited time, and where there are too many connections, the one that has waited longest for its
client is ended, those that send fast last. A request that is whole is never ended, unless its
client does not take the answer.
"""

import asyncio
import resource
import socket
from collections.abc import Iterable
from enum import Enum, auto
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

GRACE_SECONDS = 10
HEAD_SECONDS = 10.0  # from the connection's begin, or from the answer before
REQUEST_SECONDS = 30.0  # from the head's end: the application says before that it waits no more
FLUSH_SECONDS = 10.0  # for a client to take its answer
MOST_OF_ONE = 64 * 1024**2  # bytes: what is refused is read away so far, for the answer to arrive
MOST_WAITING = 256 * 1024**2  # bytes of all requests that are not whole yet
MOST_CONNECTIONS = 512
_FAST = 65_536  # bytes a second
_AT_ONCE = 16  # connections that are accepted before what they replace is closed
_QUEUE = 1024


class Phase(Enum):
    """What a connection waits for."""

    HEAD = auto()
    BODY = auto()
    ANSWER = auto()
    TAKE = auto()  # the client reads nothing of what it was answered
    END = auto()


def http_server(application: Any, grace_seconds: int = GRACE_SECONDS) -> uvicorn.Server:
    """Create the server of an application: its connections have bounds, and it ends in order."""
    config = uvicorn.Config(
        _ReadAway(application),
        http=BoundedConnection,  # of h11, which bounds the size of heads
        ws="none",
        backlog=_AT_ONCE,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=grace_seconds,
    )
    return _Server(config)


def most_connections() -> int:
    """Return how many connections a server may have: half of the files that it may open."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return min(MOST_CONNECTIONS, files // 2)


class _Server(uvicorn.Server):
    """A server that accepts few connections at once, while many may wait to be accepted."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(_QUEUE)  # asyncio has one number for both


class _ReadAway:
    """Middleware that reads away what is left of a request before its answer comes to an end.

    A connection that is closed while its client sends takes the answer with it. How much is read
    away, and for how long, is bounded by the connection.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        is_whole = scope["type"] != "http"

        async def received() -> Any:
            nonlocal is_whole
            message = await receive()
            is_whole = not message.get("more_body", False)
            return message

        async def sent(message: Any) -> None:
            is_last = message["type"] == "http.response.body" and not message.get("more_body")
            if is_last and not is_whole:
                await send({**message, "more_body": True})
                while not is_whole:
                    await received()
                message = {"type": "http.response.body"}
            await send(message)

        await self._app(scope, received, sent)


class BoundedConnection(H11Protocol):
    """A client's connection, which waits for its client for a limited time."""

    phase: Phase | None = None
    since = 0.0
    received = 0  # bytes of the request at hand
    is_refused = False  # what comes now is read away
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request; where there are too many connections, end another's wait."""
        super().connection_made(transport)
        self._follow()
        if len(self.connections) > most_connections():
            others = (each for each in self._all() if each is not self)
            _end_longest(others, otherwise=self)

    def data_received(self, data: bytes) -> None:
        """Read on, within the bounds."""
        self.received += len(data)
        if not self.is_refused:
            super().data_received(data)
        self._follow()
        if self.received > MOST_OF_ONE:
            self.drop()
        elif self.held > _FAST and sum(each.held for each in self._all()) > MOST_WAITING:
            _end_longest((each for each in self._all() if each.held), otherwise=self)

    def pause_writing(self) -> None:
        """Wait for the client to take what it was answered."""
        super().pause_writing()
        self._follow()

    def resume_writing(self) -> None:
        """Go on: the client has taken it."""
        super().resume_writing()
        self._follow()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request."""
        self._refuse(400, b"Bad Request", msg)

    def on_response_complete(self) -> None:
        """Wait for what is left of the request, and for the next one."""
        self.received = 0
        super().on_response_complete()
        self._follow()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._wait(None)
        super().connection_lost(exc)

    def drop(self) -> None:
        """End the connection at once."""
        self.phase = None
        self._wait(None)
        self.transport.abort()

    @property
    def is_fast(self) -> bool:
        """Whether a body comes as from a client that means to be answered."""
        seconds = 1 + self.loop.time() - self.since
        return self.phase is Phase.BODY and self.received >= _FAST * seconds

    @property
    def held(self) -> int:
        """The bytes that are kept of a request that is not whole yet."""
        kept = self.phase is Phase.BODY and not self.cycle.response_started
        return self.received if kept else 0

    def _follow(self) -> None:
        """Note what the connection waits for; its time begins when that is something new."""
        phase = self._found_phase()
        if phase is self.phase:
            return
        self.phase, self.since = phase, self.loop.time()
        self._wait(_seconds(phase))

    def _found_phase(self) -> Phase:
        if self.is_refused or self.transport.is_closing():
            return Phase.END
        if self.flow.write_paused:
            return Phase.TAKE
        if self.conn.their_state is h11.SEND_BODY:
            return Phase.BODY
        answered = self.cycle is None or self.cycle.response_complete
        return Phase.HEAD if answered else Phase.ANSWER

    def _wait(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._too_slow)

    def _too_slow(self) -> None:
        if self.phase in (Phase.END, Phase.TAKE):
            self.drop()
        elif self._found_phase() is Phase.HEAD and self.conn.trailing_data[0]:
            text = f"The head of the request was not complete after {HEAD_SECONDS:g} s."
            self._refuse(408, b"Request Timeout", text)
        else:
            self.transport.close()
        self._follow()

    def _refuse(self, status: int, reason: bytes, text: str) -> None:
        """Answer, and read away what still comes: closed before that, it may take the answer."""
        self._unset_keepalive_if_required()
        self.is_refused, self.received = True, 0
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # the application waits for a body that does not come
            self.cycle.message_event.set()
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):  # an answer is on its way
            self.transport.close()
            return
        body = text.encode()
        headers = {"Content-Type": "text/plain", "Connection": "close", "Content-Length": len(body)}
        told = [(name, str(value)) for name, value in headers.items()]
        head = h11.Response(status_code=status, headers=told, reason=reason)
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.write_eof()

    def _all(self) -> "list[BoundedConnection]":
        every: Any = self.connections  # of one server, so all are of this class
        return list(every)


def _seconds(phase: Phase) -> float | None:
    """Return how long a connection waits for its client; None while its client waits for us."""
    if phase in (Phase.END, Phase.TAKE):
        return FLUSH_SECONDS
    return {Phase.HEAD: HEAD_SECONDS, Phase.BODY: REQUEST_SECONDS}.get(phase)


def _end_longest(some: Iterable[BoundedConnection], otherwise: BoundedConnection) -> None:
    """End the connection that has waited longest for its client, before any that sends fast."""
    waiting = [each for each in some if each.phase not in (None, Phase.ANSWER)]
    min(waiting, key=lambda each: (each.is_fast, each.since), default=otherwise).drop()
