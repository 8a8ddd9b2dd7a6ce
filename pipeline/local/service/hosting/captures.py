"""Keep what endpoints are asked and answer, as SageMaker's data capture does.

One line of JSON a request, as AWS documents it ("Capture data from real-time endpoint"), in
`{DestinationS3Uri}/{endpoint}/{variant}/{year}/{month}/{day}/{hour}/`. Only its owner can read it,
and there is never more than MOST_BYTES of an endpoint: the oldest goes first.
"""

import base64
import json
import logging
import os
import random
import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.addresses import AddressError
from pipeline.local.service.hosting.model_process import Reply
from pipeline.local.store import Document, Store

MOST_BYTES = 256 * 1024**2
_FILE_BYTES = 8 * 1024**2
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exchange:
    """A request that an endpoint's variant answered."""

    endpoint: str
    variant: str
    headers: Mapping[str, str]
    body: bytes
    reply: Reply


class Captures:
    """Writes what is captured on this machine, from any thread; `chance` draws from 0 to 1."""

    def __init__(
        self,
        store: Store,
        most_bytes: int = MOST_BYTES,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store, self._most, self._chance = store, most_bytes, chance
        self._files: dict[Path, Path] = {}
        self._lock = threading.Lock()

    def add(self, config: Document | None, exchange: Exchange) -> None:
        """Keep an exchange if the DataCaptureConfig asks for it, and it is drawn.

        What cannot be written is said in the log: the answer does not depend on it.
        """
        if not config or not config.get("EnableCapture", True) or exchange.reply.status >= 400:
            return
        if self._chance() * 100 >= config["InitialSamplingPercentage"]:
            return
        at = datetime.now(UTC)
        line = json.dumps(event_of(config, exchange, at)).encode() + b"\n"
        try:
            root = self._store.path(config["DestinationS3Uri"])
            with self._lock:
                self._append(
                    root / exchange.endpoint / exchange.variant,
                    f"{at:%Y/%m/%d/%H}",
                    f"{at:%M-%S-%f}"[:-3],
                    line,
                )
        except (OSError, AddressError) as error:
            _log.warning("a request to %s is not captured: %s", exchange.endpoint, error)

    def _append(self, root: Path, hour: str, moment: str, line: bytes) -> None:
        folder = root / hour
        path = self._files.get(root)
        if path is None or path.parent != folder or _size(path) + len(line) > _FILE_BYTES:
            make_private(folder, root)
            path = folder / f"{moment}-{uuid.uuid4()}.jsonl"
            self._files[root] = path
            remove_oldest(root, self._most - _FILE_BYTES)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as file:
            file.write(line)


def event_of(config: Document, exchange: Exchange, at: datetime) -> dict[str, Any]:
    """Return the line of an exchange, as AWS would write it."""
    headers, reply = {k.lower(): v for k, v in exchange.headers.items()}, exchange.reply
    kinds = config.get("CaptureContentTypeHeader") or {}
    modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
    data: dict[str, Any] = {}
    if modes & {"Input", "InputAndOutput"}:
        kind = headers.get("content-type", "")
        data["endpointInput"] = _part("INPUT", kind, exchange.body, kinds)
    if modes & {"Output", "InputAndOutput"}:
        kind = reply.headers.get("content-type", "")
        data["endpointOutput"] = _part("OUTPUT", kind, reply.body, kinds)
    metadata: dict[str, Any] = {"eventId": str(uuid.uuid4())}
    if own := headers.get("x-amzn-sagemaker-custom-attributes"):
        metadata["customAttributes"] = [own]
    if inference := headers.get("x-amzn-sagemaker-inference-id"):
        metadata["inferenceId"] = inference
    metadata["inferenceTime"] = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    return {"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}


def remove_oldest(root: Path, most: int) -> None:
    """Remove the oldest files below `root` until the rest has at most `most` bytes."""
    files = sorted(root.rglob("*.jsonl"), reverse=True)  # the names sort by time, newest first
    kept = 0
    for path in files:
        kept += _size(path)
        if kept > most:
            with suppress(OSError):
                path.unlink()


def make_private(folder: Path, root: Path) -> None:
    """Make a folder, and those from `root` on down to it, for their owner alone."""
    root.parent.mkdir(parents=True, exist_ok=True)
    for place in (root, *reversed([one for one in folder.parents if root in one.parents]), folder):
        place.mkdir(mode=0o700, exist_ok=True)


def _part(mode: str, kind: str, body: bytes, kinds: Mapping[str, Any]) -> dict[str, str]:
    plain = kind.partition(";")[0].strip().lower()
    encoding = "BASE64"
    for name, member in (("JSON", "JsonContentTypes"), ("CSV", "CsvContentTypes")):
        if plain in [one.lower() for one in kinds.get(member) or ()]:
            encoding = name
    try:
        text = body.decode() if encoding != "BASE64" else base64.b64encode(body).decode()
    except UnicodeDecodeError:
        encoding, text = "BASE64", base64.b64encode(body).decode()
    return {"observedContentType": kind, "mode": mode, "data": text, "encoding": encoding}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
