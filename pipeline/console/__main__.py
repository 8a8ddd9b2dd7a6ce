"""Open the console in the browser: python -m pipeline.console."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from pipeline.command_line.running import (
    add_settings_options,
    add_state_option,
    parser,
    run_command,
)
from pipeline.command_line.subcommands import port_number
from pipeline.errors import EXIT_SUCCEEDED, UsageError
from pipeline.temporary import temporary_folder

if TYPE_CHECKING:
    from pipeline.console.context import Console

_EXAMPLES = """\
  python -m pipeline.console                    runs, models, endpoints and data, in the browser
  python -m pipeline.console --port 8765        at an address of your own choice
  python -m pipeline.console --no-browser       print the address alone
  python -m pipeline.console --aws --env production
                                                the account instead of this machine"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m pipeline.console` with these arguments and return its exit code."""
    options = parsers()[""].parse_args(arguments)
    if not options.aws:
        _refuse_of_aws(options)
    return _serve(options)


def parsers() -> Mapping[str, argparse.ArgumentParser]:
    """Make the command's parser."""
    result = parser(
        "pipeline.console",
        "Shows runs, models, endpoints and data in the browser, and acts on them. It answers this "
        "machine alone, and there only who opens the address that it prints.",
        _EXAMPLES,
    )
    result.add_argument(
        "--port", type=port_number, default=0, metavar="N", help="default: any free one"
    )
    result.add_argument("--no-browser", action="store_true", help="open none")
    result.add_argument(
        "--aws", action="store_true", help="show the account, with your AWS credentials"
    )
    add_state_option(result)
    add_settings_options(result, "with --aws: environment of the settings")
    return {"": result}


def _refuse_of_aws(options: argparse.Namespace) -> None:
    """Raise UsageError for options that would change nothing."""
    if options.env or options.set:
        raise UsageError("--env and --set say which account --aws shows: add --aws, or leave them")


@contextmanager
def _console(options: argparse.Namespace) -> "Iterator[Console]":
    """Make the console of this machine; with --aws that of the account, in a folder of its own."""
    from pipeline.console.context import Console

    settings = options.settings.resolve()
    if not options.aws:
        yield Console(options.state.resolve(), settings)
        return
    from pipeline.aws.clients import connect
    from pipeline.console.account import Account
    from pipeline.settings.loading import load_settings

    found = load_settings(settings, options.env, options.set)
    with temporary_folder("console") as scratch:
        yield Console(scratch, settings, Account(connect(found), found, scratch))


def _serve(options: argparse.Namespace) -> int:
    from pipeline.command_line.local_packages import require_packages
    from pipeline.command_line.stopping import StopRequest, handled, reason_of
    from pipeline.local.service.server import HOST, listen_on, serving

    require_packages()
    from pipeline.console.app import create_app
    from pipeline.console.security import Keys

    stop = StopRequest()

    def end(number: int, _frame: FrameType | None) -> None:
        stop.ask(reason_of(number))

    with _console(options) as console, listen_on(options.port) as listener, ExitStack() as left:
        own = f"http://{HOST}:{listener.getsockname()[1]}"

        def say_next(token: str) -> None:
            print(f"opened; for another browser: {own}/?token={token}", flush=True)

        keys = Keys(say_next)
        address = f"{own}/?token={keys.token}"
        with handled(end), serving(create_app(console, keys), listener, grace_seconds=2):
            print(f"console {address}\nCtrl-C ends it; what runs goes on", flush=True)
            if not options.no_browser:
                left.enter_context(_browser_at(address))
            stop.wait()
            console.ending.set()
    return EXIT_SUCCEEDED


@contextmanager
def _browser_at(address: str) -> Iterator[None]:
    """Open the browser, by way of a file: every user can read what a program is started with."""
    import webbrowser

    with temporary_folder("console") as folder:
        page = folder / "console.html"
        leads = f'<meta http-equiv="refresh" content="0;url={address}">'
        page.write_text(f"<!doctype html><title>Console</title>{leads}\n", encoding="utf-8")
        webbrowser.open(page.as_uri())
        yield


if __name__ == "__main__":
    sys.exit(run_command(main))
