"""Make the socket that a server listens on."""

import socket

_BACKLOG = 128  # who connects before the application is up waits, and is not refused


def listen(host: str, port: int) -> socket.socket:
    """Return a listening TCP socket; port 0 takes a free one. Raises OSError or OverflowError.

    asyncio sends small answers at once (TCP_NODELAY) on sockets that say that they are TCP only:
    on others, an answer waits up to 40 ms for the client to acknowledge its head.
    """
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener
