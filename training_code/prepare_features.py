"""Prepare a data set and extract its features, in one job: prepare.py, then features.py.

It takes the options of both. `--dataset` and `--test` are where the one writes and the other reads.
What it writes is what they write in a job each.
"""

import argparse

import features
import prepare
from job.errors import run_job
from job.parallel import stop_on_sigterm


def main(arguments: list[str] | None = None) -> None:
    """Run both with the options of the command line; those of both are checked before either."""
    stop_on_sigterm()
    parser = argparse.ArgumentParser(
        description=__doc__,
        parents=[prepare.make_parser(), features.make_parser()],
        conflict_handler="resolve",
    )
    given = parser.parse_args(arguments)
    preparing, extracting = prepare.options_of(given), features.options_of(given)
    prepare.prepare(preparing)
    features.extract(extracting)


if __name__ == "__main__":
    run_job(main)
