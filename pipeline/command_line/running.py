"""Run every command the same way: errors as one line, documented exit codes."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.command_line.colours import add_color_option
from pipeline.command_line.stopping import Stopped, stopped_by_signals
from pipeline.command_line.streams import lasting_streams
from pipeline.errors import EXIT_FAILED, EXIT_STOPPED, PipelineError, file_reason
from pipeline.given import for_terminal, given_path
from pipeline.version import VERSION

FIRST_RUN = "python -m pipeline.run --local"
FIRST_RUN_ON_AWS = "python -m pipeline.run --upsert --start --wait"
EXIT_CODES = """\
exit codes: 0 succeeded, 1 failed, 2 usage, 3 stopped (Ctrl-C, SIGTERM, a closed terminal)
where nobody reads what it prints any more (| head -1), a command goes on"""
ROOT = Path(__file__).resolve().parents[2]


def run_command(
    main: Callable[[Sequence[str] | None], int], arguments: Sequence[str] | None = None
) -> int:
    """Run a command's main; an error a user can cause becomes one line and its exit code.

    So does a file that cannot be read or written, and a signal. Where nobody reads what it prints
    any more, the command goes on, and its exit code says how it ended.
    """
    with lasting_streams(), stopped_by_signals():
        try:
            return _flushed(_ended(main, arguments))
        except KeyboardInterrupt:  # once more, while it ended
            return EXIT_STOPPED


def _ended(main: Callable[[Sequence[str] | None], int], arguments: Sequence[str] | None) -> int:
    try:
        return main(arguments)
    except PipelineError as error:
        print(f"error: {for_terminal(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as stop:
        print(f"stopped: {stop}" if isinstance(stop, Stopped) else "stopped", file=sys.stderr)
        return EXIT_STOPPED
    except OSError as error:
        print(f"error: {for_terminal(file_reason(error))}", file=sys.stderr)
        return EXIT_FAILED


def _flushed(code: int) -> int:
    """Say now, and not as the interpreter ends, that the output could not be written."""
    try:
        sys.stdout.flush()
    except OSError as error:
        print(f"error: what was printed is lost: {file_reason(error)}", file=sys.stderr)
        return code or EXIT_FAILED
    return code


def parser(module: str, description: str, examples: str) -> argparse.ArgumentParser:
    """Make a parser with --version and --color; its help ends with examples and exit codes."""
    result = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=description,
        epilog=f"examples:\n{examples.rstrip()}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("--version", action="version", version=VERSION)
    add_color_option(result)
    return result


def add_json_option(target: argparse.ArgumentParser) -> None:
    """Add --json: the result as one JSON document, and nothing else on standard output."""
    target.add_argument("--json", action="store_true", help="print JSON; see docs/json.md")


def add_parameter_option(target: argparse.ArgumentParser) -> None:
    """Add --parameter: values for the pipeline's parameters."""
    target.add_argument(
        "--parameter", action="append", default=[], metavar="NAME=VALUE", help="pipeline parameter"
    )


def add_state_option(target: argparse.ArgumentParser) -> None:
    """Add --state: the folder that local runs, models and endpoints live in."""
    target.add_argument(
        "--state",
        type=given_path,
        default=default_state(),
        metavar="DIR",
        help="folder of local runs, models and endpoints (default: .local, or $PIPELINE_STATE)",
    )


def add_settings_options(
    target: argparse.ArgumentParser | argparse._ArgumentGroup,
    environment: str = "environment of the settings",
) -> None:
    """Add --env, --settings, --set and --region, which say where the settings come from."""
    target.add_argument("--env", metavar="NAME", help=environment)
    add_settings_file_option(target)
    target.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override a setting"
    )
    target.add_argument("--region", metavar="NAME", help="default: aws.region of the settings")


def add_settings_file_option(target: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add --settings: the file of the settings."""
    target.add_argument(
        "--settings",
        type=given_path,
        default=ROOT / "pipeline.yaml",
        metavar="FILE",
        help="the settings (default: pipeline.yaml)",
    )


def overrides_of(options: argparse.Namespace) -> list[str]:
    """Return the settings that --set and --region override."""
    region = [f"aws.region={options.region}"] if options.region else []
    return [*options.set, *region]


def default_state() -> Path:
    """Return the default state folder: $PIPELINE_STATE, or .local in the repository."""
    return Path(os.environ.get("PIPELINE_STATE") or ROOT / ".local")


def with_state(command: str, state: Path) -> str:
    """Return a command that works on the same state: with --state, unless that is the default."""
    if state.resolve() == default_state().resolve():
        return command
    return f"{command} --state {shlex.quote(from_here(state.resolve()))}"


def from_here(path: Path) -> str:
    """Return a path relative to the working directory when it lies below it, else as it is."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
