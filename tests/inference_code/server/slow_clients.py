"""Clients that drip: each sends a byte now and then and never comes to an end."""

import contextlib
import resource
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.patience import PATIENCE, wait_until

FEW_FILES = 256
DRIPPING = 300
PAUSE = 0.05
HEADS = {
    "no head": b"",
    "a head": b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nX-A: ",
    "a body": b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n",
    "a body nobody reads": b"GET /ping HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n",
}


def few_files() -> None:
    """Allow this process as few open files as some systems do: for subprocess' preexec_fn."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW_FILES, FEW_FILES))


@dataclass
class Drips:
    """Connections that drip, and come again when they are ended."""

    port: int
    begin: bytes
    rounds: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def drip(self, count: int) -> None:
        clients = [self._connected() for _ in range(count)]
        while not self.ended.wait(PAUSE):
            for place, client in enumerate(clients):
                if not self._one_more(client):
                    client.close()
                    clients[place] = self._connected()
            self.rounds += 1
        for client in clients:
            client.close()

    def go_on(self) -> None:
        """Wait until each has dripped once more."""
        wanted = self.rounds + 2
        wait_until(lambda: self.rounds >= wanted)

    def _one_more(self, client: socket.socket) -> bool:
        """Send a byte and take what was answered; False when the connection has been ended."""
        client.setblocking(False)
        try:
            client.send(b"x")
            return bool(client.recv(65_536))
        except BlockingIOError:  # nothing was answered
            return True
        except OSError:
            return False

    def _connected(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        with contextlib.suppress(OSError):  # ended already: it comes again
            client.sendall(self.begin)
        return client


@contextlib.contextmanager
def dripping(port: int, begin: bytes, count: int = DRIPPING) -> Iterator[Drips]:
    """So many connections that drip for as long as the context lasts."""
    drips = Drips(port, begin)
    thread = threading.Thread(target=drips.drip, args=(count,))
    thread.start()
    try:
        drips.go_on()
        yield drips
    finally:
        drips.ended.set()
        thread.join(PATIENCE)
