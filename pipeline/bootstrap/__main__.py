"""Create or update the AWS stack that the pipeline needs: python -m pipeline.bootstrap."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TextIO

from pipeline.command_line.documents import json_text
from pipeline.command_line.running import (
    ROOT,
    add_json_option,
    add_settings_options,
    overrides_of,
    parser,
    run_command,
)
from pipeline.command_line.subcommands import print_table
from pipeline.errors import EXIT_STOPPED, EXIT_SUCCEEDED, UsageError

if TYPE_CHECKING:
    from pipeline.aws.clients import Aws
    from pipeline.aws.timing import Timing
    from pipeline.bootstrap.stack import Change, ChangeSet, Stack, StackEvent, StackState
    from pipeline.bootstrap.stack_parameters import Foundation

TEMPLATE = ROOT / "infra" / "template.yaml"
_EXAMPLES = """\
  python -m pipeline.bootstrap                       show what would change, ask, and do it
  python -m pipeline.bootstrap --dry-run             only show it; needs no account
  python -m pipeline.bootstrap --env production --yes
  python -m pipeline.bootstrap --parameter LogRetentionDays=90
  python -m pipeline.bootstrap --repository https://github.com/me/dogs \\
      --connection arn:aws:codeconnections:us-east-1:111122223333:connection/ID"""
_FLAGS = {
    "repository": "RepositoryUrl",
    "connection": "ConnectionArn",
    "branch": "RepositoryBranch",
}
_REPLACED = {"True": "yes", "False": "no", "Conditional": "maybe"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and bring the stack up to date."""
    options = parsers()[""].parse_args(arguments)
    free = _free_parameters(options)

    from pipeline.aws.clients import connect, has_account
    from pipeline.bootstrap.stack_parameters import Foundation, names_of
    from pipeline.bootstrap.template import load_template
    from pipeline.bootstrap.values import check_values
    from pipeline.settings.loading import load_settings

    settings = load_settings(options.settings, options.env, overrides_of(options))
    wanted = Foundation(settings, options.env or "staging", free)
    check_values(load_template(TEMPLATE), {**names_of(wanted), **free})
    if options.dry_run and not has_account(settings):
        _show_plan(wanted, options)
        return EXIT_SUCCEEDED
    return bootstrap(connect(settings), wanted, options)


def bootstrap(
    aws: "Aws", wanted: "Foundation", options: argparse.Namespace, timing: "Timing | None" = None
) -> int:
    """Propose a change set, show it, ask, execute it, wait. Exit code 3 when the answer is no."""
    from pipeline.bootstrap.documents import StackChanges
    from pipeline.bootstrap.stack import Stack
    from pipeline.bootstrap.stack_parameters import stack_request
    from pipeline.bootstrap.subnets import check_network

    if not (options.yes or options.dry_run or sys.stdin.isatty()):
        raise UsageError("no terminal to ask on: give --yes, or --dry-run to look only")
    check_network(aws, wanted.settings)
    stack = Stack(aws.client("cloudformation"), wanted.settings.project, timing)
    state = stack.state()
    if state is not None and state.status == "ROLLBACK_COMPLETE":
        if not _clear_away(stack, state, options):
            return EXIT_STOPPED
        state = None
    change_set = stack.propose(stack_request(aws, wanted, TEMPLATE, state), state)
    if change_set is None:
        _say(options, f"the stack {stack.name} is up to date: nothing to change")
        _report(options, StackChanges(stack.name))
        return EXIT_SUCCEEDED
    _show(stack.name, change_set, options)
    if _is_wanted(stack, change_set, options):
        after = _execute(stack, change_set, options)
        _finish(after, options)
        _report(options, StackChanges(stack.name, change_set.changes, True, after.outputs))
        return EXIT_SUCCEEDED
    _say(options, "nothing was changed")
    _report(options, StackChanges(stack.name, change_set.changes))
    return EXIT_SUCCEEDED if options.dry_run else EXIT_STOPPED


def _out(options: argparse.Namespace) -> TextIO:
    """Return where people read; with --json standard output is for programs."""
    return sys.stderr if options.json else sys.stdout


def _say(options: argparse.Namespace, line: str) -> None:
    print(line, file=_out(options), flush=True)


def _report(options: argparse.Namespace, document: object) -> None:
    if options.json:
        print(json_text(document))


def parsers() -> Mapping[str, argparse.ArgumentParser]:
    """Make the command's parser."""
    result = parser(
        "pipeline.bootstrap",
        "Makes or updates what the pipeline needs on AWS: bucket, roles, Lambda, alarms, build.",
        _EXAMPLES,
    )
    add_settings_options(result)
    result.add_argument("--yes", action="store_true", help="do not ask")
    result.add_argument(
        "--dry-run",
        action="store_true",
        help="show the changes, make none; without credentials: all of it",
    )
    build = result.add_argument_group(
        "build on every push", "given once, kept from then on; empty to remove the build"
    )
    build.add_argument("--repository", metavar="URL", help="https address on GitHub")
    build.add_argument("--connection", metavar="ARN", help="CodeConnections connection to GitHub")
    build.add_argument("--branch", metavar="NAME", help="the branch to build (default: main)")
    result.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another parameter of infra/template.yaml; kept from then on",
    )
    add_json_option(result)
    return {"": result}


def _free_parameters(options: argparse.Namespace) -> dict[str, str]:
    given = {}
    for text in options.parameter:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--parameter {text}: must look like NAME=VALUE")
        given[name.strip()] = value.strip()
    flags = {name: getattr(options, flag) for flag, name in _FLAGS.items()}
    return {**given, **{name: value for name, value in flags.items() if value is not None}}


def _clear_away(stack: "Stack", state: "StackState", options: argparse.Namespace) -> bool:
    why = "is ROLLBACK_COMPLETE: its first creation failed, it holds nothing"
    _say(options, f"the stack {stack.name} {why}")
    if options.dry_run:
        raise UsageError(f"the stack {stack.name} must be deleted first: run without --dry-run")
    if not _agreed("Delete it and start again?", options):
        return False
    stack.delete(state, partial(_print_event, options))
    return True


def _show(name: str, change_set: "ChangeSet", options: argparse.Namespace) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Action", "Resource", "Type", "Replaced"):
        table.add_column(column, no_wrap=True)
    for change in sorted(change_set.changes, key=lambda one: (one.action, one.resource)):
        style = "red" if _loses(change) else None
        replaced = _REPLACED.get(change.replacement, "-")
        table.add_row(change.action, change.resource, change.kind, replaced, style=style)
    _say(options, f"{len(change_set.changes)} changes of the stack {name}:")
    print_table(table, 120, _out(options))


def _show_plan(wanted: "Foundation", options: argparse.Namespace) -> None:
    """Show what would be made in an account that has nothing of it, without asking AWS."""
    from pipeline.assets.serving_image import serving_image
    from pipeline.bootstrap.documents import StackPlan
    from pipeline.bootstrap.plan import planned

    settings, resources = wanted.settings, tuple(planned(wanted, TEMPLATE))
    if options.json:
        names = (settings.endpoint_name, settings.production_endpoint_name)
        place = (settings.aws.account_id, settings.aws.region)
        image = serving_image(settings, ROOT)
        print(json_text(StackPlan(*place, resources, settings.project, image, names)))
        return
    account = f"account {settings.aws.account_id}, {settings.aws.region}"
    print(f"no AWS account to compare with; in one without any of it ({account}), this is made:")
    rows = [(one.kind, one.name or "-", one.resource) for one in resources]
    _print_columns(("Type", "Name", "Resource"), rows)
    endpoints = f"{settings.endpoint_name}, {settings.production_endpoint_name}"
    print(f"the first --upsert adds   the pipeline {settings.project}")
    print(f"                          the image {serving_image(settings, ROOT)}")
    print(f"runs and approvals add    the endpoints {endpoints}")


def _print_columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in head:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    print_table(table, 140)


def _loses(change: "Change") -> bool:
    return change.action == "Remove" or change.replacement in ("True", "Conditional")


def _is_wanted(stack: "Stack", change_set: "ChangeSet", options: argparse.Namespace) -> bool:
    """Ask whether to execute a change set; discard it if not, also when Ctrl-C ends the asking."""
    wanted = False
    try:
        wanted = not options.dry_run and _agreed("Execute these changes?", options)
    finally:
        if not wanted:
            stack.discard(change_set)
    return wanted


def _agreed(question: str, options: argparse.Namespace) -> bool:
    if options.yes:
        return True
    prompt = f"{question} [y/N] "
    if options.json:  # input() writes to standard output
        print(prompt, end="", file=sys.stderr, flush=True)
        prompt = ""
    return input(prompt).strip().lower() in ("y", "yes")


def _execute(stack: "Stack", change_set: "ChangeSet", options: argparse.Namespace) -> "StackState":
    try:
        return stack.execute(change_set, partial(_print_event, options))
    except KeyboardInterrupt:
        print(f"AWS goes on changing {stack.name}; run this again to see", file=sys.stderr)
        raise


def _print_event(options: argparse.Namespace, event: "StackEvent") -> None:
    reason = f"  {event.reason}" if event.status.endswith("_FAILED") else ""
    _say(options, f"{event.status:<28} {event.kind:<36} {event.resource}{reason}")


def _finish(state: "StackState", options: argparse.Namespace) -> None:
    for name, value in sorted(state.outputs.items()):
        _say(options, f"{name:<18} {value}")
    upload = "python -m pipeline.data upload SOURCE"
    _say(options, f"next: {upload}, then python -m pipeline.run --upsert")


if __name__ == "__main__":
    sys.exit(run_command(main))
