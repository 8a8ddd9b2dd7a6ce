"""Turn an opened picture into 8-bit RGB on white: the one place where colours are decided.

Transparency is laid on white, whatever carries it: an alpha channel, a palette, one colour. A
picture that is transparent all over is taken as it would look without: its alpha says nothing.
Grey is repeated; CMYK is converted without a colour profile; deep_colours.py has the rest.
"""

from PIL import Image, ImagePalette

from deep_colours import is_deep, stored_as, tiff_tag, to_shallow
from picture_notes import Note, Notes

_OPAQUE = 255
_PALETTE = 320
_SHALLOW_GREY = {"L;2": 85, "L;4": 17}  # what Pillow makes of one step of such a PNG's grey


def to_rgb(image: Image.Image, data: bytes) -> tuple[Image.Image, Notes]:
    """Read an opened picture's pixels as RGB, at its size and as they are stored in `data`.

    Raises UnusableImage for values that do not say how bright they are.
    """
    stored, notes = stored_as(image), Notes()
    palette = tiff_tag(image, _PALETTE)
    if image.mode in ("P", "PA") and palette and max(palette) < 2**8:
        # some write 8 bits where TIFF has 16, of which Pillow takes the upper ones
        image.palette = ImagePalette.raw("RGB;L", bytes(palette))
    image.load()
    if is_deep(image, stored):
        image, notes = to_shallow(image, stored, data)
    elif stored in _SHALLOW_GREY and "transparency" in image.info:
        image.info["transparency"] *= _SHALLOW_GREY[stored]  # Pillow has scaled the pixels alone
    flat, more = _on_white(image)
    return flat, notes + more


def _on_white(image: Image.Image) -> tuple[Image.Image, Notes]:
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB"), ()
    with_alpha = image.convert("RGBA")
    alpha = with_alpha.getchannel("A")
    least, most = alpha.getextrema()
    if least == _OPAQUE or most == 0:
        return with_alpha.convert("RGB"), ()
    white = Image.new("RGB", image.size, "white")
    white.paste(with_alpha, mask=alpha)
    return white, (Note.ON_WHITE,)
