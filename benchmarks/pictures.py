"""Make pictures to measure on: a generated data set, and single pictures of a given size."""

from io import BytesIO
from pathlib import Path

from PIL import Image

from pipeline.sample.pictures import write_sample

_TRAIN, _VALID = 0.7, 0.15


def write_splits(folder: Path, classes: int = 6, per_class: int = 60) -> Path:
    """Write the generated sample as train/, valid/ and test/ into `folder`; returns `folder`."""
    drawn = folder / "drawn"
    for name in write_sample(drawn, classes, per_class):
        files = sorted((drawn / name).iterdir())
        for place, file in enumerate(files):
            target = folder / _split(place / len(files)) / name / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            file.rename(target)
        (drawn / name).rmdir()
    drawn.rmdir()
    return folder


def resized_jpeg(path: Path, width: int, height: int, quality: int = 90) -> bytes:
    """Resize a picture to a JPEG of another size: real content, a stated number of pixels."""
    with Image.open(path) as image:
        buffer = BytesIO()
        image.convert("RGB").resize((width, height)).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _split(share: float) -> str:
    if share < _TRAIN:
        return "train"
    return "valid" if share < _TRAIN + _VALID else "test"
