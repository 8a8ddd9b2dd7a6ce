"""Generate pictures to try the pipeline on, one folder a class: python -m pipeline.sample."""

import shlex
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from pipeline.command_line.running import parser, run_command
from pipeline.errors import EXIT_SUCCEEDED, PipelineError, UsageError

_EXAMPLES = """\
  python -m pipeline.sample .local/pictures
  python -m pipeline.sample /tmp/pictures --classes 4 --per-class 100 --seed 7
  python -m pipeline.sample /tmp/nonsense --shuffle-labels    nothing to learn: fails the gate"""


def write_sample(
    folder: Path,
    classes: int = 6,
    per_class: int = 60,
    seed: int = 0,
    shuffle_labels: bool = False,
) -> list[str]:
    """Write `folder/<class>/<number>.jpg` and return the class names.

    The same arguments give the same bytes (with the same numpy and Pillow). With
    `shuffle_labels` the same pictures lie in random classes, so that nothing can be learned.
    Raises UsageError for impossible numbers or when `folder` holds anything already, and
    PipelineError when it cannot be written.
    """
    import numpy as np

    from pipeline.sample_pictures import COATS, draw_picture

    _check_numbers(classes, len(COATS), per_class, seed)
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise UsageError(f"{folder} is not an empty folder; name a new one, or remove it first")
    names = list(COATS)[:classes]
    drawn = [name for name in names for _ in range(per_class)]
    labels = np.random.default_rng(seed).permutation(drawn) if shuffle_labels else drawn
    try:
        for number, (name, label) in enumerate(zip(drawn, labels, strict=True)):
            random = np.random.default_rng([seed, number])
            path = folder / str(label) / f"{number:05d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            draw_picture(COATS[name], random).save(path, quality=int(random.integers(70, 93)))
    except OSError as error:
        raise PipelineError(f"{folder} cannot be written: {error.strerror}") from error
    return names


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pictures that the command line asks for."""
    given = _parser().parse_args(arguments)
    names = write_sample(
        given.folder, given.classes, given.per_class, given.seed, given.shuffle_labels
    )
    count = len(names) * given.per_class
    print(f"{count:,} pictures of {len(names)} classes in {given.folder}: {', '.join(names)}")
    print(f"next: python -m pipeline.run --local --data {shlex.quote(str(given.folder))}")
    return EXIT_SUCCEEDED


def _check_numbers(classes: int, most_classes: int, per_class: int, seed: int) -> None:
    if not 2 <= classes <= most_classes:
        raise UsageError(f"--classes {classes}: give a number from 2 to {most_classes}")
    if per_class < 3:
        raise UsageError(f"--per-class {per_class}: give 3 or more, one for each split")
    if seed < 0:
        raise UsageError(f"--seed {seed}: give 0 or more")


def _parser() -> ArgumentParser:
    result = parser(
        "pipeline.sample",
        "Generates pictures to try the pipeline on, one folder a class.",
        _EXAMPLES,
    )
    result.add_argument("folder", type=Path, metavar="DIR", help="a new or empty folder")
    result.add_argument("--classes", type=int, default=6, metavar="N", help="default: 6")
    result.add_argument("--per-class", type=int, default=60, metavar="N", help="default: 60")
    result.add_argument("--seed", type=int, default=0, metavar="N", help="other pictures")
    result.add_argument("--shuffle-labels", action="store_true", help="classes at random")
    return result


if __name__ == "__main__":
    sys.exit(run_command(main))
