"""Generate pictures to try the pipeline on, one folder a class: python -m pipeline.sample."""

import shlex
import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from pipeline.command_line.running import parser, run_command
from pipeline.command_line.subcommands import natural_number, positive_number
from pipeline.errors import EXIT_SUCCEEDED
from pipeline.given import given_path

_EXAMPLES = """\
  python -m pipeline.sample .local/pictures
  python -m pipeline.sample /tmp/pictures --classes 4 --per-class 100 --seed 7
  python -m pipeline.sample /tmp/nonsense --shuffle-labels    nothing to learn: fails the gate"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pictures that the command line asks for."""
    given = _parser().parse_args(arguments)

    from pipeline.sample.pictures import write_sample

    names = write_sample(
        given.folder, given.classes, given.per_class, given.seed, given.shuffle_labels
    )
    count = len(names) * given.per_class
    print(f"{count:,} pictures of {len(names)} classes in {given.folder}: {', '.join(names)}")
    print(f"next: python -m pipeline.run --local --data {shlex.quote(str(given.folder))}")
    return EXIT_SUCCEEDED


def _parser() -> ArgumentParser:
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
    return result


if __name__ == "__main__":
    sys.exit(run_command(main))
