"""Check whether an endpoint's pictures are like its model's own: python -m pipeline.monitor."""

import argparse
import sys
from collections.abc import Mapping, Sequence

from pipeline.command_line.documents import json_text
from pipeline.command_line.running import add_json_option, parser, run_command
from pipeline.command_line.subcommands import positive_number
from pipeline.errors import EXIT_FAILED, EXIT_SUCCEEDED, UsageError
from pipeline.given import given_path
from pipeline.target import add_target_options

_EXAMPLES = """\
  python -m pipeline.monitor
  python -m pipeline.monitor dog-breeds-production --open
  python -m pipeline.monitor --pictures 1000 --days 30
  python -m pipeline.monitor --fail-if-changed --json
  python -m pipeline.monitor --aws --env production"""
_ABOUT = """\
Compares the pictures that an endpoint was asked about with validation pictures of its model, and
says what changed: features, answers, looks, sizes. A change is no failure: the exit code is 0, and
1 with --fail-if-changed."""
_PICTURES, _DAYS, _ALARMS = 500, 7, 0.001
_FEWEST, _MOST = 50, 10_000  # pictures, as of monitor.max_pictures


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and check an endpoint."""
    options = parsers()[""].parse_args(arguments)
    from pipeline.monitor.command import Asked, check
    from pipeline.monitor.documents import CHANGED
    from pipeline.report.places import open_place

    asked = Asked(
        options.endpoint,
        options.pictures,
        options.days,
        options.false_alarms,
        options.out or options.state / "monitoring",
    )
    with open_place(options) as place:
        try:
            found = check(place, asked, _hear)
        except OSError as error:
            raise UsageError(f"the page cannot be written: {error}: see --out") from error
    print(json_text(found) if options.json else "\n".join(found.lines()))
    if options.open:
        import webbrowser

        webbrowser.open(found.page.resolve().as_uri())
    failed = options.fail_if_changed and found.verdict == CHANGED
    return EXIT_FAILED if failed else EXIT_SUCCEEDED


def parsers() -> Mapping[str, argparse.ArgumentParser]:
    """Make the command's parser."""
    result = parser("pipeline.monitor", _ABOUT, _EXAMPLES)
    words = "default: the only endpoint that captures"
    result.add_argument("endpoint", nargs="?", metavar="ENDPOINT", help=words)
    words = f"compare the newest so many, {_FEWEST} to {_MOST:,} (default: {_PICTURES})"
    result.add_argument("--pictures", type=_pictures, default=_PICTURES, metavar="N", help=words)
    words = f"captured in so many days, today is one (default: {_DAYS})"
    result.add_argument("--days", type=positive_number, default=_DAYS, metavar="N", help=words)
    words = f"share of checks of unchanged pictures that may find a change (default: {_ALARMS:g})"
    result.add_argument("--false-alarms", type=_share, default=_ALARMS, metavar="SHARE", help=words)
    words = "exit with 1 when something changed"
    result.add_argument("--fail-if-changed", action="store_true", help=words)
    result.add_argument(
        "--out", type=given_path, metavar="DIR", help="of the page (default: the state)"
    )
    result.add_argument("--open", action="store_true", help="show the page in the browser")
    add_json_option(result)
    add_target_options(result)
    return {"": result}


def _pictures(text: str) -> int:
    number = positive_number(text)
    if not _FEWEST <= number <= _MOST:
        raise argparse.ArgumentTypeError(f"{number:,} is not from {_FEWEST} to {_MOST:,}")
    return number


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is no number") from error
    if not 1e-5 <= share <= 0.1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0.00001 to 0.1")
    return share


def _hear(line: str) -> None:
    """Show how far the job is, on stderr."""
    if line.startswith("passed: "):
        print(line, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(run_command(main))
