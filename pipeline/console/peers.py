"""Tell whose program opened a connection of this machine's loopback: Linux lists them all."""

import socket
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_MAPPED = "0000000000000000FFFF0000"  # an address of IPv4, as a socket of IPv6 has it
_LOCAL, _REMOTE, _UID = 1, 2, 7  # columns
Address = tuple[str, int]


def peer_uid(client: Address, server: Address) -> int | None:
    """Return the user whose program has the client's end of a connection; None: not known."""
    for table in _TABLES:
        try:
            lines = table.read_text(encoding="ascii").splitlines()
        except (OSError, ValueError):
            continue
        if (uid := uid_in(lines, client, server)) is not None:
            return uid
    return None


def uid_in(lines: list[str], client: Address, server: Address) -> int | None:
    """Return the user of the client's end by the lines of a table; None where it is not there."""
    try:
        ends = _written(client), _written(server)
    except OSError:
        return None  # not by its number: a test's
    for columns in map(str.split, lines):
        if len(columns) <= _UID:
            continue
        if (columns[_LOCAL].removeprefix(_MAPPED), columns[_REMOTE].removeprefix(_MAPPED)) == ends:
            return int(columns[_UID])
    return None


def _written(address: Address) -> str:
    """Return an address as the tables have it: 0100007F:1F90 is 127.0.0.1:8080."""
    host, port = address
    return f"{int.from_bytes(socket.inet_aton(host), 'little'):08X}:{port:04X}"
