"""Download a file over https: go on where it broke off, and never leave https."""

import hashlib
import http.client
import json
import re
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pipeline.aws.timing import Timing
from pipeline.data.progress import Advance, Progress, human_size
from pipeline.durable import write_durably
from pipeline.errors import PipelineError, UsageError

MAXIMUM_BYTES = 100 * 1000**3
_CHUNK = 256 * 1024
_TIMEOUT_S = 60
_ATTEMPTS = 6  # in a row without a single new byte
_BUSY = (408, 425, 429, 500, 502, 503, 504)


class DownloadError(PipelineError):
    """The address does not give the file; the message says why."""


class SourceError(UsageError):
    """Not an address to download from."""


class _LostError(Exception):
    """The connection broke: worth another attempt."""


class _ChangedError(_LostError):
    """The bytes we have are not the beginning of the server's file."""


@dataclass(frozen=True)
class _PartialDownload:
    """What is known of a half-finished download: `validator` names the version of the file."""

    validator: str | None = None
    total: int | None = None


class Opener:
    """An opener for addresses of these schemes, which follows redirects to them only."""

    def __init__(self, schemes: frozenset[str] = frozenset({"https"})) -> None:
        self._schemes = schemes
        self._director = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(context=ssl.create_default_context()),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
            _Redirects(self.check),
        ):
            self._director.add_handler(handler)

    def check(self, url: str) -> None:
        """Raise AddressError unless the address is one to open."""
        parts = urlsplit(url)
        if parts.scheme not in self._schemes:
            wanted = " or ".join(sorted(self._schemes))
            raise SourceError(f"{shown(url)}: only {wanted} addresses are downloaded from")
        if not parts.hostname:
            raise SourceError(f"{shown(url)}: names no host")
        if parts.username or parts.password:
            raise SourceError(f"{parts.hostname}: give no user name and password in the address")

    def open(self, url: str, headers: dict[str, str]) -> Any:
        """Return the response of an address; urllib's errors are left as they are."""
        self.check(url)
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 checked above
        return self._director.open(request, timeout=_TIMEOUT_S)


class _Redirects(urllib.request.HTTPRedirectHandler):
    def __init__(self, check: Callable[[str], None]) -> None:
        self._check = check

    def redirect_request(  # noqa: PLR0917 urllib's own signature
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        self._check(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(
    url: str,
    folder: Path,
    progress: Progress,
    *,
    opener: Opener | None = None,
    maximum_bytes: int = MAXIMUM_BYTES,
    timing: Timing | None = None,
) -> Path:
    """Fetch `url` into a folder of its own below `folder`; return the path of the whole file.

    What is there from before is used if the server says that the file is still the same.
    Raises AddressError for an address that is not https, DownloadError for all else.
    """
    opener, timing = opener or Opener(), timing or Timing()
    opener.check(url)
    place = folder / hashlib.sha256(url.encode()).hexdigest()[:16]
    try:
        place.mkdir(parents=True, exist_ok=True)
        return _Download(url, place, progress, opener, maximum_bytes).persist(timing)
    except OSError as error:
        raise DownloadError(f"{place} cannot be written: {error.strerror or error}") from error


def shown(url: str) -> str:
    """Return an address without its query, which may hold a secret, and without a password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


@dataclass(frozen=True)
class _Download:
    """One address and its folder: `part` grows there and becomes `archive` when it is whole."""

    url: str
    place: Path
    progress: Progress
    opener: Opener
    maximum_bytes: int

    @property
    def part(self) -> Path:
        return self.place / "part"

    @property
    def target(self) -> Path:
        return self.place / "archive"

    def persist(self, timing: Timing) -> Path:
        """Repeat attempts as long as they bring new bytes; return the whole file's path."""
        tries = 0
        for pause in timing.pauses(1, 30):
            before = _size(self.part)
            try:
                self.attempt()
                break
            except _LostError as error:
                tries = 1 if _size(self.part) > before else tries + 1
                if tries >= _ATTEMPTS:
                    raise DownloadError(
                        f"{shown(self.url)}: {error}; {human_size(_size(self.part))} are kept, "
                        "the same command goes on from there"
                    ) from error
                if isinstance(error, _ChangedError):
                    self.part.unlink(missing_ok=True)
                self.progress.say(f"{error}: trying again")
            timing.sleep(pause)
        return self.target

    def attempt(self) -> None:
        """Ask for what is missing and add it. Raises _LostError, DownloadError."""
        partial = _read_partial(self.place)
        have = _size(self.part) if partial.validator else 0
        if have and have == partial.total:
            self.part.replace(self.target)
        with self._open(self._headers(partial, have)) as response:
            if response is None:
                return
            if response.status != 206:
                have = 0
            elif _first_byte(response) != have:
                raise _ChangedError("the server answered with another part of the file")
            total = _total(response, have)
            self._check_size(total, have)
            if not have:  # before the new validator is written: it must not describe old bytes
                self.part.unlink(missing_ok=True)
            _write_partial(self.place, _PartialDownload(_validator(response), total))
            with self.progress.stage(f"downloading {shown(self.url)}", total) as advance:
                advance(have)
                self._receive(response, have, advance)
        if total is not None and _size(self.part) != total:
            raise _LostError("the connection broke off")
        self.part.replace(self.target)

    def _headers(self, partial: _PartialDownload, have: int) -> dict[str, str]:
        """Return headers that ask for nothing if the file is unchanged, or for the rest of it."""
        if partial.validator is None:
            return {}
        if self.target.is_file():
            is_tag = partial.validator.startswith('"')
            return {"If-None-Match" if is_tag else "If-Modified-Since": partial.validator}
        return {"Range": f"bytes={have}-", "If-Range": partial.validator} if have else {}

    @contextmanager
    def _open(self, headers: dict[str, str]) -> Iterator[Any]:
        """Yield the response; None when the server says that nothing changed."""
        always = {"Accept-Encoding": "identity", "User-Agent": "dataset-upload"}
        try:
            with self.opener.open(self.url, {**headers, **always}) as response:
                yield response
        except urllib.error.HTTPError as error:
            if error.code != 304:
                raise self._refusal(error) from error
            yield None
        except urllib.error.URLError as error:
            if isinstance(error.reason, ssl.SSLCertVerificationError):
                problem = f"{shown(self.url)}: the certificate is not trusted"
                raise DownloadError(problem) from error
            host = urlsplit(self.url).hostname
            raise _LostError(f"cannot reach {host} ({error.reason})") from error
        except (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
            raise _LostError(f"the connection broke off ({error})") from error

    def _refusal(self, error: urllib.error.HTTPError) -> Exception:
        if error.code in _BUSY:
            return _LostError(f"the server answers {error.code} {error.reason}")
        if error.code == 416:
            return _ChangedError("the file became shorter")
        return DownloadError(f"{shown(self.url)}: {error.code} {error.reason}")

    def _receive(self, response: Any, have: int, advance: Advance) -> None:
        with self.part.open("ab" if have else "wb") as file:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                advance(len(chunk))
                have += len(chunk)
                if have > self.maximum_bytes:
                    self._check_size(have, have)

    def _check_size(self, total: int | None, have: int) -> None:
        most = self.maximum_bytes
        if total is None:
            return
        if total > most:
            raise DownloadError(f"{shown(self.url)} is larger than {human_size(most)}")
        free = shutil.disk_usage(self.place).free
        if total - have > free:
            needs, left = human_size(total - have), human_size(free)
            raise DownloadError(f"{shown(self.url)}: needs {needs}, {self.place} has {left} left")


def _first_byte(response: Any) -> int | None:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _total(response: Any, have: int) -> int | None:
    length = response.headers.get("Content-Length", "")
    return have + int(length) if length.isdecimal() else None


def _validator(response: Any) -> str | None:
    """Return what identifies a file's version byte for byte: a strong tag, or else its date."""
    tag = response.headers.get("ETag", "")
    date: str | None = response.headers.get("Last-Modified")
    return str(tag) if tag.startswith('"') else date


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _read_partial(place: Path) -> _PartialDownload:
    try:
        return _PartialDownload(**json.loads((place / "kept.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return _PartialDownload()


def _write_partial(place: Path, partial: _PartialDownload) -> None:
    write_durably(place / "kept.json", json.dumps(asdict(partial)).encode())
