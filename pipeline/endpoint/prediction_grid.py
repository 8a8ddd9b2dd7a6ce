"""Draw pictures with their answers into one picture: what `predict --save` and --explain write."""

import importlib.util
import math
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from inference_code.picture_formats import format_named, listed
from pipeline.endpoint.predictions import Prediction
from pipeline.errors import PipelineError, UsageError
from pipeline.explanations import Explanation

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

MAXIMUM_PICTURES = 400
_TILE, _GAP, _LINE, _SHOWN = 260, 20, 26, 3
_COLUMNS = 5
_PAPER, _INK, _MUTED, _BAR, _TRACK = "#ffffff", "#1b1f24", "#57606a", "#0969da", "#eaeef2"
_WARNING, _EMPTY = "#cf222e", "#f6f8fa"
_MAXIMUM_PIXELS = 50_000_000


def check_grid(path: Path, pictures: int, option: str = "--save") -> None:
    """Raise UsageError for what write_grid could not write, before anything is asked."""
    if not format_named(path):
        raise UsageError(f"{option} {path}: the suffix must be that of a {listed()} file")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{option} {path}: there is no folder {path.parent}")
    if pictures > MAXIMUM_PICTURES:
        raise UsageError(f"{option} shows at most {MAXIMUM_PICTURES} pictures, not {pictures:,}")


def write_grid(
    path: Path, results: Sequence[Prediction], pictures: Mapping[str, bytes]
) -> tuple[int, int]:
    """Draw every picture with its file's name and its answer or refusal, and write the grid.

    One that is explained is drawn twice, the second time with where the answer looks. Returns the
    size in pixels. Pictures are turned as their EXIF orientation says, as the endpoint does. Raises
    PipelineError when the file cannot be written.
    """
    from PIL import Image, ImageDraw

    wide = 2 if any(result.explanation for result in results) else 1
    columns = min(len(results), _COLUMNS // wide, math.ceil(math.sqrt(len(results))))
    rows = math.ceil(len(results) / columns)
    height = _TILE + _LINE * (1 + _SHOWN)
    cell = wide * (_TILE + _GAP)
    size = (_GAP + columns * cell, _GAP + rows * (height + _GAP))
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, result in enumerate(results):
        row, column = divmod(place, columns)
        left, top = (_GAP + column * cell, _GAP + row * (height + _GAP))
        shown = _shown(pictures[result.file])
        sheet.paste(_tile(shown), (left, top))
        _write_answer(draw, (left, top + _TILE), result)
        if result.explanation:
            left += _TILE + _GAP
            sheet.paste(_tile(_under_heat(shown, result.explanation)), (left, top))
            _write_examples(draw, (left, top + _TILE), result.explanation)
    try:
        sheet.save(path)
    except OSError as error:
        raise PipelineError(f"{path} cannot be written: {error.strerror or error}") from error
    return size


def _shown(data: bytes) -> "Image.Image | None":
    """Return a picture upright, of a tile's size; None for no picture."""
    from PIL import Image, ImageOps

    try:
        with Image.open(BytesIO(data)) as image:
            if image.width * image.height > _MAXIMUM_PIXELS:
                return None
            image.draft("RGB", (_TILE, _TILE))
            turned = _on_white(ImageOps.exif_transpose(image))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return ImageOps.contain(turned, (_TILE, _TILE))


def _tile(shown: "Image.Image | None") -> "Image.Image":
    """Lay a picture into the middle of a square; leave the square empty for none."""
    from PIL import Image

    tile = Image.new("RGB", (_TILE, _TILE), _EMPTY)
    if shown is not None:
        tile.paste(shown, ((_TILE - shown.width) // 2, (_TILE - shown.height) // 2))
    return tile


def _under_heat(shown: "Image.Image | None", explanation: Explanation) -> "Image.Image | None":
    """Lay the map of an explanation over a picture; None where either cannot be drawn."""
    from PIL import Image

    if shown is None:
        return None
    try:
        with Image.open(BytesIO(explanation.heat), formats=["PNG"]) as heat:
            if heat.width * heat.height > _TILE * _TILE:
                return None
            over = heat.convert("RGBA").resize(shown.size, Image.Resampling.BILINEAR)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return Image.alpha_composite(shown.convert("RGBA"), over).convert("RGB")


def _write_examples(
    draw: "ImageDraw.ImageDraw", corner: tuple[int, int], explanation: Explanation
) -> None:
    left, top = corner
    _write(draw, (left, top + 5), "where it looks; it looks like", _MUTED, size=13)
    for place, one in enumerate(explanation.looks_like[:_SHOWN]):
        named = one.file if one.label in one.file else f"{one.label}: {one.file}"
        words = f"{one.similarity:.2f}  {named}"
        _write(draw, (left, top + _LINE * (1 + place)), words, _MUTED, size=13)


def _on_white(image: "Image.Image") -> "Image.Image":
    """Show what is transparent as the model sees it, and grey of 16 bits by its own range."""
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        _, brightest = image.convert("F").getextrema()
        scale = 255 / brightest if isinstance(brightest, float) and brightest > 0 else 1.0
        image = image.convert("F").point(lambda value: value * scale).convert("L")
    if not image.has_transparency_data:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


def _write_answer(draw: "ImageDraw.ImageDraw", corner: tuple[int, int], result: Prediction) -> None:
    left, top = corner
    name = Path(result.file).name
    unknown = result.known is False
    named = f"none of the classes: {name}" if unknown else name
    _write(draw, (left, top + 5), named, _WARNING if unknown else _MUTED, size=13)
    if result.error:
        _write(draw, (left, top + _LINE), f"refused ({result.status})", _WARNING)
        _write(draw, (left, top + 2 * _LINE), result.error, _WARNING, size=13)
        return
    for place, (label, value) in enumerate(result.classes[:_SHOWN]):
        line = top + _LINE * (1 + place)
        draw.rectangle((left, line + 20, left + _TILE, line + 22), fill=_TRACK)
        if value > 0:
            draw.rectangle((left, line + 20, left + round(_TILE * min(value, 1)), line + 22), _BAR)
        _write(draw, (left, line), label, _MUTED if place else _INK, width=_TILE - 60)
        share = f"{value:.1%}"
        start = left + _TILE - draw.textlength(share, _font(15))
        draw.text((start, line), share, _MUTED if place else _INK, _font(15))


def _write(
    draw: "ImageDraw.ImageDraw",
    corner: tuple[int, int],
    text: str,
    colour: str,
    *,
    size: int = 15,
    width: int = _TILE,
) -> None:
    """Draw a line of text, cut off with an ellipsis where it would be wider than `width`."""
    font = _font(size)
    line = "".join(letter if letter.isprintable() else "·" for letter in text[:200])
    if draw.textlength(line, font) > width:
        while line and draw.textlength(line + "…", font) > width:
            line = line[:-1]
        line += "…"
    draw.text(corner, line, colour, font)


def _font(size: int) -> "ImageFont.FreeTypeFont | ImageFont.ImageFont":
    """Load matplotlib's font where installed (it knows more alphabets), else Pillow's own."""
    from PIL import ImageFont

    spec = importlib.util.find_spec("matplotlib")
    if spec and spec.origin:
        file = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if file.is_file():
            return ImageFont.truetype(file, size)
    return ImageFont.load_default(size)
