"""Define the options of `python -m pipeline.report track`, without loading what it does."""

import argparse

from pipeline.command_line.subcommands import positive_number


def add_track_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where to log."""
    help_ = "id, ARN, newest, or all: those that are not there yet"
    parser.add_argument("run", metavar="RUN", help=help_)
    where = "a folder, server, or ARN (default: tracking.mlflow_uri of the settings)"
    parser.add_argument("--uri", metavar="URI", help=where)
    parser.add_argument("--experiment", metavar="NAME", help="default: that of the settings")
    parser.add_argument(
        "--max-artifact-mb", type=positive_number, metavar="MB", help="default: of the settings"
    )
    follow = "of one run: trials as they end, the rest when standard input is closed; as JSON"
    parser.add_argument("--follow", action="store_true", help=follow)
