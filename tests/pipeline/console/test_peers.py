"""Whose program is at the other end: asked of Linux's own tables."""

import os
import socket
import sys

import pytest

from pipeline.console.peers import peer_uid, uid_in
from pipeline.console.security import Keys

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout"
REST = "01 00000000:00000000 00:00000000 00000000"
CLIENT, SERVER = ("127.0.0.1", 40000), ("127.0.0.1", 8080)
SIX = "0000000000000000FFFF00000100007F"


@pytest.mark.parametrize(
    ("line", "uid"),
    [
        (f"0: 0100007F:9C40 0100007F:1F90 {REST} 1001 0 1", 1001),
        (f"0: {SIX}:9C40 {SIX}:1F90 {REST} 1002 0 1", 1002),
        (f"0: 0100007F:1F90 0100007F:9C40 {REST} 1003 0 1", None),  # the server's own end
        (f"0: 0100007F:9C40 0200007F:1F90 {REST} 1004 0 1", None),
        ("0: 0100007F:9C40", None),
    ],
)
def test_the_client_s_end_has_the_user(line: str, uid: int | None) -> None:
    assert uid_in([HEAD, line], CLIENT, SERVER) == uid


def test_what_is_no_number_of_a_machine_is_nobody() -> None:
    assert uid_in([HEAD], ("testclient", 50000), SERVER) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the tables")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_program_of_ours_is_ours(family: socket.AddressFamily) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        try:
            client = socket.socket(family, socket.SOCK_STREAM)
            host = "127.0.0.1" if family == socket.AF_INET else "::ffff:127.0.0.1"
            client.connect((host, port))
        except OSError as error:
            if family == socket.AF_INET:
                raise
            pytest.skip(f"this machine has no IPv6: {error.strerror}")
        with client, server.accept()[0] as accepted:
            found = peer_uid(accepted.getpeername(), accepted.getsockname())
    assert found == os.getuid()


def test_a_stolen_cookie_is_of_no_use_to_another_user() -> None:
    keys = Keys()
    session = keys.enter(keys.token, 1000)
    assert session is not None
    assert keys.knows(session, 1000) and keys.knows(session, None)
    assert not keys.knows(session, 1001)
    assert not keys.knows("other", 1000)
