"""Downloads go on where they broke off, notice a changed file, and never leave https."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from pipeline.aws.timing import Timing
from pipeline.data.download import DownloadError, Opener, SourceError, download, shown
from pipeline.data.progress import Progress

CONTENT = bytes(range(256)) * 4_000
LOOPBACK = Opener(frozenset({"http"}))
NO_WAIT = Timing(sleep=lambda _seconds: None)


class Server:
    """A file on loopback. `breaks`: after how many bytes each answer ends too early."""

    def __init__(self) -> None:
        self.content = CONTENT
        self.tag: str | None = '"v1"'
        self.breaks: list[int] = []
        self.statuses: list[int] = []
        self.redirect: str | None = None
        self.says_length = True
        self.knows_ranges = True
        self.requests: list[dict[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_arguments: Any) -> None:
                """Quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/pictures.zip"
        threading.Thread(target=self.http.serve_forever, args=[0.01], daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        headers = dict(request.headers.items())
        self.requests.append(headers)
        if self.statuses:
            request.send_error(self.statuses.pop(0))
        elif self.redirect:
            request.send_response(302)
            request.send_header("Location", self.redirect)
            request.end_headers()
        elif self.tag and headers.get("If-None-Match") == self.tag:
            request.send_response(304)
            request.end_headers()
        else:
            self._send(request, self._start(headers))

    def _start(self, headers: dict[str, str]) -> int:
        wanted = headers.get("Range")
        same = headers.get("If-Range") == self.tag
        return int(wanted[6:-1]) if wanted and same and self.knows_ranges else 0

    def _send(self, request: BaseHTTPRequestHandler, start: int) -> None:
        if start >= len(self.content):
            request.send_error(416)
            return
        request.send_response(206 if start else 200)
        if start:
            total = len(self.content)
            request.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        if self.tag:
            request.send_header("ETag", self.tag)
        if self.says_length:
            request.send_header("Content-Length", str(len(self.content) - start))
        request.end_headers()
        rest = self.content[start:]
        request.wfile.write(rest[: self.breaks.pop(0)] if self.breaks else rest)
        request.close_connection = True


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def _fetch(server: Server, folder: Path, **options: Any) -> Path:
    quiet = Progress(StringIO())
    return download(server.url, folder, quiet, opener=LOOPBACK, timing=NO_WAIT, **options)


def test_a_file_is_fetched_whole(server: Server, tmp_path: Path) -> None:
    assert _fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_broken_download_goes_on_where_it_was(server: Server, tmp_path: Path) -> None:
    server.breaks = [1000, 5000]
    assert _fetch(server, tmp_path).read_bytes() == CONTENT
    ranges = [request.get("Range") for request in server.requests]
    assert ranges == [None, "bytes=1000-", "bytes=6000-"]


def test_the_next_command_goes_on_as_well(server: Server, tmp_path: Path) -> None:
    server.breaks = [1000]
    server.statuses = []

    def give_up(_seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(
            server.url,
            tmp_path,
            Progress(StringIO()),
            opener=LOOPBACK,
            timing=Timing(sleep=give_up),
        )
    assert _fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.requests[-1]["Range"] == "bytes=1000-"


def test_a_file_that_changed_meanwhile_is_fetched_from_its_start(
    server: Server, tmp_path: Path
) -> None:
    server.breaks = [1000, 10]
    changed = bytes(500_000)

    def change(_seconds: float) -> None:
        server.content, server.tag = changed, '"v2"'

    quiet = Progress(StringIO())
    found = download(server.url, tmp_path, quiet, opener=LOOPBACK, timing=Timing(sleep=change))
    assert found.read_bytes() == changed


def test_a_file_that_became_shorter_is_fetched_from_its_start(
    server: Server, tmp_path: Path
) -> None:
    server.breaks = [1000]

    def shorten(_seconds: float) -> None:
        server.content = CONTENT[:500]

    quiet = Progress(StringIO())
    found = download(server.url, tmp_path, quiet, opener=LOOPBACK, timing=Timing(sleep=shorten))
    assert found.read_bytes() == CONTENT[:500]


@pytest.mark.parametrize(("tag", "ranges"), [(None, True), ('W/"weak"', True), ('"v1"', False)])
def test_a_server_without_marks_or_ranges_starts_again(
    tag: str | None, ranges: bool, server: Server, tmp_path: Path
) -> None:
    server.tag, server.knows_ranges, server.breaks = tag, ranges, [1000]
    assert _fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_file_that_is_here_and_the_same_is_not_fetched_again(
    server: Server, tmp_path: Path
) -> None:
    first = _fetch(server, tmp_path)
    assert _fetch(server, tmp_path) == first
    assert server.requests[-1]["If-None-Match"] == '"v1"'
    server.content, server.tag = b"new", '"v2"'
    assert _fetch(server, tmp_path).read_bytes() == b"new"


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.statuses = [503, 429, 500]
    assert _fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_connection_that_brings_nothing_ends_it(server: Server, tmp_path: Path) -> None:
    server.breaks = [1000, *[0] * 10]
    with pytest.raises(DownloadError, match=r"1.0 kB are kept, the same command goes on"):
        _fetch(server, tmp_path)
    assert len(server.requests) == 6


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_is_not_repeated(status: int, server: Server, tmp_path: Path) -> None:
    server.statuses = [status]
    with pytest.raises(DownloadError, match=str(status)):
        _fetch(server, tmp_path)
    assert len(server.requests) == 1


@pytest.mark.parametrize("says_length", [True, False])
def test_a_file_over_the_limit_is_refused(
    says_length: bool, server: Server, tmp_path: Path
) -> None:
    server.says_length = says_length
    with pytest.raises(DownloadError, match="larger than"):
        _fetch(server, tmp_path, maximum_bytes=100_000)


def test_a_host_that_is_not_there_is_named(server: Server, tmp_path: Path) -> None:
    server.http.server_close()
    with pytest.raises(DownloadError, match=r"cannot reach 127\.0\.0\.1"):
        _fetch(server, tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.zip",
        "ftp://example.com/a.zip",
        "file:///etc/passwd",
        "https:///a.zip",
        "https://me:secret@example.com/a.zip",
    ],
)
def test_only_https_addresses_without_passwords_are_opened(url: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as error:
        download(url, tmp_path, Progress(StringIO()))
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("to", ["https://127.0.0.1/a.zip", "ftp://127.0.0.1/a.zip"])
def test_redirects_keep_to_the_schemes_allowed(to: str, server: Server, tmp_path: Path) -> None:
    # The server speaks http, so http is what this opener allows, and https is the stranger.
    server.redirect = to
    with pytest.raises((SourceError, DownloadError)):
        _fetch(server, tmp_path)
    assert len(server.requests) == 1


def test_a_redirect_is_followed(server: Server, tmp_path: Path) -> None:
    other = Server()
    try:
        server.redirect = other.url
        assert _fetch(server, tmp_path).read_bytes() == CONTENT
    finally:
        other.http.shutdown()
        other.http.server_close()


def test_messages_show_no_signature() -> None:
    url = "https://me:pw@example.com:8443/a.zip?X-Amz-Signature=abc#x"
    assert shown(url) == "https://example.com:8443/a.zip"
