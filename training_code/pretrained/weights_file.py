"""Read which tensors a weights file holds, by name and shape: no torch, and no code of the file.

A .safetensors file says so in its header, a file of torch.save in its pickle. The content decides
which of them a file is; its suffix does not.
"""

import errno
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from pretrained.pickle_outline import Outline, Pickled, UnknownOperation, outline
from pretrained.problems import SAVE, UnusableWeights, shown

_MOST_BYTES = 16 * 1024**2  # of a header or a pickle: resnet152's has 0.1 MB
_PART_BYTES = 1024**2
_FEW = 4
_MAGIC = 0x1950A86A20F9469CFC6C  # what torch.save before 1.6 began with
_TAR_AT, _TAR = 257, b"ustar"
_UNPACK = "unpack it and give the weights file in it"
_OTHERS = {
    b"version https://git-lfs": "a Git LFS pointer that stands for the file: run git lfs pull",
    b"\x1f\x8b": f"compressed by gzip: {_UNPACK}",
    b"BZh": f"compressed by bzip2: {_UNPACK}",
    b"\xfd7zXZ": f"compressed by xz: {_UNPACK}",
    b"\x28\xb5\x2f\xfd": f"compressed by Zstandard: {_UNPACK}",
    b"7z\xbc\xaf": f"a 7-Zip archive: {_UNPACK}",
    b"Rar!": f"a RAR archive: {_UNPACK}",
    b"\x89HDF": "an HDF5 file, as Keras writes them: its weights fit no torchvision model",
    b"\x93NUMPY": "an array of numpy, without the names that weights have",
    b"GGUF": "a language model (GGUF), and no torchvision model",
}
_CUT = "it is cut off or damaged; download or save it again"
_PAGE = ("<!doctype", "<html", "<head", "<?xml")
_DAMAGED = (ValueError, LookupError, TypeError, AttributeError, EOFError, RecursionError)


@dataclass(frozen=True)
class Contents:
    """What a file holds: dictionaries, with outlines in place of tensors; and in whose form."""

    form: Literal["safetensors", "torch"]
    tree: Any


def read_contents(path: Path) -> Contents:
    """Return a file's names and shapes. Raises UnusableWeights, or OSError when it cannot be read.

    A file whose beginning and end are there is taken for whole, and one with sums where they are
    right; loading it shows the rest.
    """
    with path.open("rb") as file:
        head = file.read(512)
        try:
            return _contents(file, head)
        except UnusableWeights as error:
            reason = str(error)
        except UnknownOperation:
            reason = f"it was saved with an unusual pickle_protocol: save it again with {SAVE}"
        except zipfile.BadZipFile:
            reason = "it is cut off: its end is missing; download or save it again"
        except _DAMAGED:
            reason = _CUT
        except OSError as error:
            if error.errno != errno.EINVAL:  # a place before the file's start, says its directory
                raise
            reason = _CUT
        except (NotImplementedError, RuntimeError):  # of zipfile: encrypted, or compressed oddly
            reason = f"it is a zip that torch.save did not write: {_UNPACK}"
    raise UnusableWeights(f"weights file {shown(path.name)}: {reason}")


def _contents(file: BinaryIO, head: bytes) -> Contents:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if not size:
        raise UnusableWeights("it is empty")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Contents("torch", _in_zip(file))
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= _MOST_BYTES:
        return Contents("safetensors", _in_header(file, size))
    if head.startswith(b"\x80"):
        return Contents("torch", _before_1_6(file, size))
    raise UnusableWeights(f"it is {_what_else(head)}")


def _what_else(head: bytes) -> str:
    for start, words in _OTHERS.items():
        if head.startswith(start):
            return words
    if head[_TAR_AT:].startswith(_TAR):
        return f"a tar archive: {_UNPACK}"
    text = head.decode("utf-8", "replace").removesuffix("\ufffd").lstrip("\ufeff \r\n\t")
    if text.lower().startswith(_PAGE):
        return "a web page (of a login, or an error?) in place of the file: download it again"
    if all(letter.isprintable() or letter in "\r\n\t" for letter in text) and "\ufffd" not in text:
        return f"text, which begins {shown(text)!r}, and no weights"
    return f"neither a .safetensors file nor one that torch.save wrote; make it with {SAVE}"


def _in_header(file: BinaryIO, size: int) -> dict[str, Outline]:
    length = int.from_bytes(file.read(8), "little")
    header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    end = max((tensor["data_offsets"][1] for tensor in header.values()), default=0)
    if size < 8 + length + end:
        raise EOFError
    return {name: Outline(tuple(tensor["shape"])) for name, tensor in header.items()}


def _in_zip(file: BinaryIO) -> Any:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        if any(name.endswith("/constants.pkl") for name in names):
            save = 'torch.save(torch.jit.load(FILE).state_dict(), "weights.pth")'
            raise UnusableWeights(
                "it is TorchScript, a program with its weights. If you trust it, save the weights"
                f" alone: {save}"
            )
        pickles = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            inside = ", ".join(map(shown, names[:_FEW])) or "nothing"
            raise UnusableWeights(f"it is a zip of other files ({inside}): {_UNPACK}")
        with archive.open(pickles[0]) as data:
            found = outline(_beginning(data))
        _check_sums(archive)
    folder = pickles[0].removesuffix("data.pkl")
    if not {f"{folder}data/{key}" for key in found.storages} <= set(names):
        raise EOFError
    return _only_weights(found)


def _check_sums(archive: zipfile.ZipFile) -> None:
    """Compare what was stored with its sums, which torch does not. Raises EOFError."""
    for member in archive.infolist():
        if member.compress_type != zipfile.ZIP_STORED:  # torch.save compresses nothing
            continue
        try:
            with archive.open(member) as stored:
                while stored.read(_PART_BYTES):
                    pass
        except zipfile.BadZipFile:
            raise EOFError from None


def _before_1_6(file: BinaryIO, size: int) -> Any:
    """Read pickles of a magic number, a version, the system, the object and its storages' keys."""
    start = _beginning(file)
    if outline(start).value != _MAGIC:
        raise UnusableWeights(
            "it is a pickle that torch.save did not write, and pickles are not run: where it was"
            f" made, save it with {SAVE}"
        )
    _, _, found, _ = (outline(start) for _ in range(4))
    tree = _only_weights(found)
    if size < start.tell() + sum(8 + length for length in found.storages.values()):
        raise EOFError
    return tree


def _beginning(file: Any) -> BinaryIO:
    """Return as much of a file as a header or a pickle can have, to read from memory."""
    return io.BytesIO(file.read(_MOST_BYTES))


def _only_weights(found: Pickled) -> Any:
    """Return what a pickle describes. Raises UnusableWeights when it is more than weights."""
    if not found.foreign:
        return found.value
    names = sorted(map(shown, found.foreign))
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    raise UnusableWeights(
        f"it holds more than weights: {', '.join(names[:_FEW])}{more}. Loading that could run code,"
        f" so it is not loaded. Where it was made, save the weights alone: {SAVE}"
    )
