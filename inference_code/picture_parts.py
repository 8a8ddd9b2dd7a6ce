"""Cut a file down to what is decoded of it, where the rest would cost time or do harm."""

import re

_EXTENSION, _IMAGE, _END = 0x21, 0x2C, 0x3B
_GRAPHIC_CONTROL = 0xF9
# an AVIF's list of its parts: versions 2 and 3 of an entry, up to the type of the part
_EXIF_PART = re.compile(rb"(infe(?:\x02.{3}.{2}|\x03.{3}.{4}).{2})Exif", re.DOTALL)


def without_exif(avif: bytes) -> bytes:
    """Return an AVIF that no EXIF is found in: which way is up is said outside of it, too.

    Pillow reads the EXIF as it opens the file, however much that is.
    """
    return _EXIF_PART.sub(rb"\1none", avif)


def first_picture(gif: bytes) -> tuple[bytes, bool]:
    """Return a GIF of its first picture alone, and whether others follow.

    Comments are left out: Pillow takes a time for them that grows with their square. What breaks
    off is returned as far as it goes.
    """
    head = gif[: 13 + _table_bytes(gif[10])] if len(gif) > 10 else gif
    control, image, place = b"", len(gif), len(head)
    try:
        while gif[place] != _IMAGE:
            if gif[place] == _END:
                return head, False
            if gif[place] != _EXTENSION:  # as Pillow does, whatever stands between parts is skipped
                place += 1
                continue
            end = _after_blocks(gif, place + 2)
            if gif[place + 1] == _GRAPHIC_CONTROL:
                control = gif[place:end]
            place = end
        image = place
        end = _after_blocks(gif, place + 11 + _table_bytes(gif[place + 9]))
    except IndexError:
        return head + control + gif[image:], False
    return head + control + gif[image:end] + b";", _another(gif, end)


def _another(gif: bytes, place: int) -> bool:
    try:
        while gif[place] == _EXTENSION:
            place = _after_blocks(gif, place + 2)
        return gif[place] == _IMAGE
    except IndexError:
        return False


def _after_blocks(gif: bytes, place: int) -> int:
    while size := gif[place]:
        place += size + 1
    return place + 1


def _table_bytes(flags: int) -> int:
    """Return the bytes of a colour table, as the flags before it tell."""
    return 6 << (flags & 7) if flags & 0x80 else 0
