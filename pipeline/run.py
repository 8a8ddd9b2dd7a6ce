"""python -m pipeline.run: compile the pipeline, or run it on this machine."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.cli import ROOT, add_state_option, parser, run_command

_EXAMPLES = """\
  python -m pipeline.run --local                                   the generated sample
  python -m pipeline.run --local --data ~/pictures                 your own, a folder per class
  python -m pipeline.run --local --data ~/pictures \\
      --set backbone.name=mobilenet_v2 --set backbone.weights=mobilenet_v2.pth
  python -m pipeline.run --local --parameter AccuracyThreshold=0.8
  python -m pipeline.run --definition --env production             what SageMaker would get"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and do the one thing it asks for."""
    options = _parser().parse_args(arguments)
    if options.definition:
        return _print_definition(options)
    return _run_locally(options)


def _parser() -> argparse.ArgumentParser:
    result = parser("pipeline.run", "Compiles the pipeline, or runs it on this machine.", _EXAMPLES)
    action = result.add_mutually_exclusive_group(required=True)
    action.add_argument("--local", action="store_true", help="run everything on this machine")
    action.add_argument("--definition", action="store_true", help="print the definition as JSON")
    result.add_argument(
        "--data", metavar="DIR", help="with --local: pictures, a folder per class (default: sample)"
    )
    result.add_argument("--env", metavar="NAME", help="environment (default with --local: local)")
    result.add_argument("--settings", type=Path, default=ROOT / "pipeline.yaml", metavar="FILE")
    result.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override a setting"
    )
    result.add_argument(
        "--parameter", action="append", default=[], metavar="NAME=VALUE", help="pipeline parameter"
    )
    result.add_argument(
        "--json", action="store_true", help="with --local: print the result as JSON"
    )
    add_state_option(result)
    return result


def _print_definition(options: argparse.Namespace) -> int:
    from pipeline.compiled import definition_text
    from pipeline.settings import load_settings

    settings = load_settings(options.settings, options.env, options.set)
    print(definition_text(settings, ROOT, options.state))
    return 0


def _run_locally(options: argparse.Namespace) -> int:
    from pipeline.local.run import LocalRequest, run_locally
    from pipeline.settings import load_settings

    settings = load_settings(options.settings, options.env or "local", options.set)
    request = LocalRequest(settings, options.state, options.data, tuple(options.parameter))
    result = run_locally(request)
    print(result.to_json() if options.json else result.summary())
    return result.exit_code


if __name__ == "__main__":
    sys.exit(run_command(main))
