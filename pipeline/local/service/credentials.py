"""Keep the secret that requests to the local service are signed with, for its owner alone.

Whoever may ask the service may run code as the user who started it: a model's code is run. On one
machine every user can reach its port, so it asks for what only the owner's programs can read.
"""

import hmac
import os
import re
import secrets
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import PipelineError

ACCESS_KEY = "local"
_FILE = "service.secret"
_LENGTH = 64  # hexadecimal digits


class SecretError(PipelineError):
    """The secret of a state folder cannot be kept, or others could read it."""


@dataclass(frozen=True)
class Address:
    """A local service: its URL, and the secret that requests to it are signed with."""

    url: str
    secret: str = field(repr=False)


def own_secret(state: Path) -> str:
    """Return the secret of a state folder; one is made at first use. Raises SecretError."""
    try:
        secret = known_secret(state)
        if secret is None:
            _make(state)
            secret = known_secret(state)  # another process may have been faster
    except OSError as error:
        raise SecretError(
            f"cannot keep the local service's secret in {state}: {error.strerror or error}: "
            "name another folder with --state"
        ) from error
    if secret is None:
        raise SecretError(f"{state / _FILE} is another user's: name another folder with --state")
    return secret


def known_secret(state: Path) -> str | None:
    """Return the secret of a state folder, or None where there is none of this user's.

    Raises SecretError for one that others can read, and for a damaged one.
    """
    file = state / _FILE
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, PermissionError):
        return None
    with os.fdopen(handle, encoding="utf-8", errors="replace") as text:
        status = os.fstat(handle)
        if status.st_uid != os.geteuid():
            return None
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise SecretError(
                f"others can read {file}: remove it (the next start makes a new one); if that does "
                "not help, this file system keeps nothing from others: name another --state"
            )
        secret = text.read(_LENGTH + 1) if stat.S_ISREG(status.st_mode) else ""
    if re.fullmatch(rf"[0-9a-f]{{{_LENGTH}}}", secret) is None:
        raise SecretError(f"{file} is damaged: remove it (the next start makes a new one)")
    return secret


def service_variables(address: Address) -> dict[str, str]:
    """Return the variables by which boto3 and the AWS CLI ask this service, and may."""
    return {
        "AWS_ENDPOINT_URL_SAGEMAKER": address.url,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": address.url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": address.secret,
    }


def proof_of(secret: str, nonce: str, port: int) -> str:
    """Return what only a service with that secret, at that port, can answer to a nonce."""
    return hmac.digest(secret.encode(), f"{nonce} {port}".encode(), "sha256").hex()


def _make(state: Path) -> None:
    """Write a new secret, unless another process has just done so; never a part of one."""
    handle, name = tempfile.mkstemp(prefix=f".{_FILE}-", dir=state)  # for its owner alone
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as part:
            part.write(secrets.token_hex(_LENGTH // 2))
            part.flush()
            os.fsync(handle)
        with suppress(FileExistsError):
            os.link(name, state / _FILE)
    finally:
        Path(name).unlink()
