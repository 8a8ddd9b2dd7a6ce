"""Read the pictures of a JSON request: `{"instances": [{"b64": "...", "id": "..."}, ...]}`.

With `"explain": true` beside them, their answers are to be explained.
"""

import base64
import json
import re
from typing import Any, NoReturn

from request_errors import refuse

Identity = str | int | None

MAX_PICTURES = 64
MAX_EXPLAINED = 8
MAX_ID_LETTERS = 256
_MAX_ID_NUMBER = 2**63
_KEYS = {"b64", "id"}
# what a browser's FileReader puts before the base64; the picture is known by its bytes
_DATA_ADDRESS = re.compile(
    r"data:[\w.+*/-]{0,80}(;[\w. =-]{1,40}){0,4};base64,", re.ASCII | re.IGNORECASE
)


def read_instances(body: bytes | str) -> tuple[list[bytes], tuple[Identity, ...], bool]:
    """Return the pictures of a JSON request, their ids if any has one, and whether to explain.

    Raises RequestError.
    """
    request = _parsed(body)
    instances = _instances(request)
    explain = request.get("explain", False)
    if not isinstance(explain, bool):
        refuse(422, "InvalidExplain", '"explain" must be true or false')
    if explain and len(instances) > MAX_EXPLAINED:
        many = f"{len(instances)} pictures; at most {MAX_EXPLAINED} are explained in a request"
        refuse(413, "TooManyPictures", many)
    pictures = [_picture(instance, place) for place, instance in enumerate(instances)]
    ids = tuple(_identity(instance, place) for place, instance in enumerate(instances))
    named = any("id" in instance for instance in instances)
    return pictures, ids if named else (), explain


def _parsed(body: bytes | str) -> Any:
    try:
        text = body if isinstance(body, str) else body.decode("utf-8")
        text = text.removeprefix("\ufeff")  # some editors and shells begin every text with it
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        refuse(400, "InvalidJson", "the body is not valid JSON: nested too deeply")
    except UnicodeDecodeError:
        refuse(400, "InvalidJson", "the body is not valid JSON: it must be UTF-8")
    except ValueError as error:  # its text holds a place, never the content
        refuse(400, "InvalidJson", f"the body is not valid JSON: {str(error)[:200]}")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _instances(request: Any) -> list[Any]:
    instances = request.get("instances") if isinstance(request, dict) else None
    if not isinstance(instances, list) or not instances:
        refuse(422, "NoInstances", 'send {"instances": [{"b64": "..."}, ...]}')
    if len(instances) > MAX_PICTURES:
        refuse(413, "TooManyPictures", f"{len(instances)} pictures; at most {MAX_PICTURES} fit")
    return instances


def _picture(instance: Any, place: int) -> bytes:
    if not isinstance(instance, dict) or not {"b64"} <= set(instance) <= _KEYS:
        wanted = '{"b64": "..."}, with an "id" or without, and no more'
        refuse(422, "InvalidInstance", f"instances[{place}] must be {wanted}")
    if not isinstance(instance["b64"], str):
        refuse(422, "InvalidInstance", f"instances[{place}].b64 must be a string")
    try:
        data = _decoded(instance["b64"])
    except ValueError:
        wanted = "base64 alone, or behind data:image/...;base64,"
        refuse(400, "InvalidBase64", f"instances[{place}].b64 is not valid: send {wanted}")
    if not data:
        refuse(422, "UnusableImage", f"picture {place} cannot be used: it is empty")
    return data


def _decoded(text: str) -> bytes:
    """Decode base64 of either alphabet, padded or not, in lines or not, with its prefix or not."""
    text = text.strip()
    if prefix := _DATA_ADDRESS.match(text):
        text = text[prefix.end() :]
    text = "".join(text.split())
    bare = text.rstrip("=")
    if len(text) - len(bare) > 2:
        raise ValueError("more padding than there can be")
    if "-" in bare or "_" in bare:
        bare = bare.replace("-", "+").replace("_", "/")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)


def _identity(instance: dict[str, Any], place: int) -> Identity:
    value: Identity = instance.get("id")
    if isinstance(value, str):
        fits = len(value) <= MAX_ID_LETTERS and value.isprintable()
    else:
        fits = value is None or (type(value) is int and abs(value) < _MAX_ID_NUMBER)
    if not fits:
        kinds = f"a line of at most {MAX_ID_LETTERS} letters, a whole number or null"
        refuse(422, "InvalidInstance", f"instances[{place}].id must be {kinds}")
    return value
