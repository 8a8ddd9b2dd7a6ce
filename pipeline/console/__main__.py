"""Open the console in the browser: python -m pipeline.console."""

import argparse
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from pipeline.command_line.running import ROOT, add_state_option, parser, run_command
from pipeline.command_line.subcommands import port_number
from pipeline.errors import EXIT_SUCCEEDED, UsageError

_EXAMPLES = """\
  python -m pipeline.console                    runs, models, endpoints and data, in the browser
  python -m pipeline.console --port 8765        at an address of your own choice
  python -m pipeline.console --no-browser       print the address alone"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m pipeline.console` with these arguments and return its exit code."""
    options = _parser().parse_args(arguments)
    if options.aws:
        raise UsageError(
            "the console does not show AWS yet: python -m pipeline.registry list --aws, "
            "python -m pipeline.report --aws"
        )
    return _serve(options)


def _parser() -> argparse.ArgumentParser:
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
    result.add_argument("--aws", action="store_true", help="show the account (not there yet)")
    add_state_option(result)
    result.add_argument("--settings", type=Path, default=ROOT / "pipeline.yaml", metavar="FILE")
    return result


def _serve(options: argparse.Namespace) -> int:
    from pipeline.command_line.stopping import handled
    from pipeline.console.app import create_app
    from pipeline.console.context import Console
    from pipeline.console.security import Keys
    from pipeline.local.service.server import HOST, listen_on, serving

    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    with listen_on(options.port) as listener:
        own = f"http://{HOST}:{listener.getsockname()[1]}"

        def say_next(token: str) -> None:
            print(f"opened; for another browser: {own}/?token={token}", flush=True)

        keys = Keys(say_next)
        console = Console(options.state.resolve(), options.settings.resolve())
        address = f"{own}/?token={keys.token}"
        with handled(end), serving(create_app(console, keys), listener, grace_seconds=2):
            print(f"console {address}\nCtrl-C ends it; what runs goes on", flush=True)
            _open(address, options.no_browser)
            stop.wait()
            console.ending.set()
    return EXIT_SUCCEEDED


def _open(address: str, stay: bool) -> None:
    if not stay:
        import webbrowser

        webbrowser.open(address)


if __name__ == "__main__":
    sys.exit(run_command(main))
