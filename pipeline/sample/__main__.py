"""Generate pictures to try the pipeline on, one folder a class: python -m pipeline.sample."""

import shlex
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.command_line.documents import json_text
from pipeline.command_line.running import add_json_option, parser, run_command
from pipeline.command_line.subcommands import natural_number, positive_number
from pipeline.errors import EXIT_SUCCEEDED
from pipeline.given import given_path

_EXAMPLES = """\
  python -m pipeline.sample .local/pictures
  python -m pipeline.sample /tmp/pictures --classes 4 --per-class 100 --seed 7
  python -m pipeline.sample /tmp/nonsense --shuffle-labels    nothing to learn: fails the gate"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pictures that the command line asks for."""
    given = parsers()[""].parse_args(arguments)

    from pipeline.sample.pictures import write_sample

    names = write_sample(
        given.folder, given.classes, given.per_class, given.seed, given.shuffle_labels
    )
    made = Sample(given.folder, len(names) * given.per_class, tuple(names))
    print(json_text(made) if given.json else made.summary())
    return EXIT_SUCCEEDED


@dataclass(frozen=True)
class Sample:
    """Pictures that were generated: where, how many, and their classes."""

    folder: Path
    pictures: int
    classes: tuple[str, ...]

    def summary(self) -> str:
        """Describe it for people, with the command that runs on it."""
        names = f"{len(self.classes)} classes in {self.folder}: {', '.join(self.classes)}"
        run = f"python -m pipeline.run --local --data {shlex.quote(str(self.folder))}"
        return f"{self.pictures:,} pictures of {names}\nnext: {run}"


def parsers() -> Mapping[str, ArgumentParser]:
    """Make the command's parser."""
    result = parser(
        "pipeline.sample",
        "Generates pictures to try the pipeline on, one folder a class.",
        _EXAMPLES,
    )
    result.add_argument("folder", type=given_path, metavar="DIR", help="a new or empty folder")
    result.add_argument(
        "--classes", type=positive_number, default=6, metavar="N", help="default: 6"
    )
    result.add_argument(
        "--per-class", type=positive_number, default=60, metavar="N", help="default: 60"
    )
    result.add_argument(
        "--seed", type=natural_number, default=0, metavar="N", help="other pictures"
    )
    result.add_argument("--shuffle-labels", action="store_true", help="classes at random")
    add_json_option(result)
    return {"": result}


if __name__ == "__main__":
    sys.exit(run_command(main))
