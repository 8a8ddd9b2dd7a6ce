"""Create or update the AWS stack that the pipeline needs: python -m pipeline.bootstrap."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from pipeline.bootstrap.showing import (
    print_document,
    say,
    show_changes,
    show_event,
    show_outputs,
    show_plan,
)
from pipeline.command_line.running import (
    ROOT,
    add_json_option,
    add_settings_options,
    overrides_of,
    parser,
    run_command,
)
from pipeline.errors import EXIT_STOPPED, EXIT_SUCCEEDED, UsageError

if TYPE_CHECKING:
    from pipeline.aws.clients import Aws
    from pipeline.aws.timing import Timing
    from pipeline.bootstrap.stack import ChangeSet, Stack, StackRequest, StackState
    from pipeline.bootstrap.stack_parameters import Foundation

TEMPLATE = ROOT / "infra" / "template.yaml"
_EXAMPLES = """\
  python -m pipeline.bootstrap                       show what would change, ask, and do it
  python -m pipeline.bootstrap --dry-run             only show it; needs no account
  python -m pipeline.bootstrap --quotas              what of AWS's quotas is needed, and is there
  python -m pipeline.bootstrap --env production --yes
  python -m pipeline.bootstrap --parameter LogRetentionDays=90
  python -m pipeline.bootstrap --repository https://github.com/me/dogs \\
      --connection arn:aws:codeconnections:us-east-1:111122223333:connection/ID"""
_FLAGS = {
    "repository": "RepositoryUrl",
    "connection": "ConnectionArn",
    "branch": "RepositoryBranch",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and bring the stack up to date."""
    options = parsers()[""].parse_args(arguments)
    free = _free_parameters(options)

    from pipeline.aws.clients import connect, has_account
    from pipeline.bootstrap.quotas import compare_quotas, show_quotas
    from pipeline.bootstrap.stack_parameters import Foundation, names_of
    from pipeline.bootstrap.template import load_template
    from pipeline.bootstrap.values import check_values
    from pipeline.settings.loading import load_settings

    settings = load_settings(options.settings, options.env, overrides_of(options))
    wanted = Foundation(settings, options.env or "staging", free)
    check_values(load_template(TEMPLATE), {**names_of(wanted), **free})
    if options.dry_run and not options.quotas and not has_account(settings):
        show_plan(wanted, TEMPLATE, options)
        return EXIT_SUCCEEDED
    aws = connect(settings)
    if options.quotas:
        return compare_quotas(aws, settings, options)
    done = bootstrap(aws, wanted, options)
    if done == EXIT_SUCCEEDED:
        show_quotas(aws, settings, options)
    return done


def bootstrap(
    aws: "Aws", wanted: "Foundation", options: argparse.Namespace, timing: "Timing | None" = None
) -> int:
    """Propose a change set, show it, ask, execute it, wait. Exit code 3 when the answer is no."""
    from pipeline.bootstrap.documents import StackChanges
    from pipeline.bootstrap.placing import place_template
    from pipeline.bootstrap.stack import Stack, StackRequest
    from pipeline.bootstrap.stack_parameters import stack_parameters, tags_of
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
    parameters = stack_parameters(aws, wanted, state)
    if (state is None or state.is_empty) and parameters["CreateBucket"] == "true":
        return _make_all(aws, stack, wanted, parameters, options)
    template = place_template(aws, wanted.settings, TEMPLATE)
    request = StackRequest(template, parameters, tags_of(wanted.settings))
    change_set = stack.propose(request, state)
    if change_set is None:
        say(options, f"the stack {stack.name} is up to date: nothing to change")
        print_document(options, StackChanges(stack.name))
        return EXIT_SUCCEEDED
    show_changes(stack.name, change_set.changes, options)
    if _is_wanted(stack, change_set, options):
        after = _execute(stack, change_set, options)
        show_outputs(after, options)
        print_document(options, StackChanges(stack.name, change_set.changes, True, after.outputs))
        return EXIT_SUCCEEDED
    say(options, "nothing was changed")
    print_document(options, StackChanges(stack.name, change_set.changes))
    return EXIT_SUCCEEDED if options.dry_run else EXIT_STOPPED


def _make_all(
    aws: "Aws",
    stack: "Stack",
    wanted: "Foundation",
    parameters: Mapping[str, str | None],
    options: argparse.Namespace,
) -> int:
    """Make the bucket, then through it all else; what that is, no change set can say before."""
    from pipeline.bootstrap.documents import StackChanges
    from pipeline.bootstrap.placing import first_template, place_template
    from pipeline.bootstrap.plan import planned
    from pipeline.bootstrap.stack import Change, StackRequest
    from pipeline.bootstrap.stack_parameters import tags_of

    found = {name: value for name, value in parameters.items() if value is not None}
    made = planned(wanted, TEMPLATE, found)
    changes = tuple(Change("Add", one.resource, one.kind, "") for one in made)
    show_changes(stack.name, changes, options)
    if options.dry_run or not _agreed("Make them, the bucket first?", options):
        say(options, "nothing was changed")
        print_document(options, StackChanges(stack.name, changes))
        return EXIT_SUCCEEDED if options.dry_run else EXIT_STOPPED
    first = StackRequest(first_template(TEMPLATE), parameters, tags_of(wanted.settings))
    state = _carry_out(stack, first, None, options)
    whole = replace(first, template=place_template(aws, wanted.settings, TEMPLATE))
    state = _carry_out(stack, whole, state, options)
    show_outputs(state, options)
    print_document(options, StackChanges(stack.name, changes, True, state.outputs))
    return EXIT_SUCCEEDED


def _carry_out(
    stack: "Stack", request: "StackRequest", now: "StackState | None", options: argparse.Namespace
) -> "StackState":
    """Bring the stack from `now` to what was agreed to already."""
    from pipeline.bootstrap.stack import StackError

    change_set = stack.propose(request, now)
    if change_set is None:
        raise StackError(f"somebody else changed the stack {stack.name} meanwhile: run this again")
    return _execute(stack, change_set, options)


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
    result.add_argument(
        "--quotas",
        action="store_true",
        help="show what jobs and endpoints need of AWS's quotas, what the account has, and how to "
        "ask for more; changes nothing",
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
    say(options, f"the stack {stack.name} {why}")
    if options.dry_run:
        raise UsageError(f"the stack {stack.name} must be deleted first: run without --dry-run")
    if not _agreed("Delete it and start again?", options):
        return False
    stack.delete(state, partial(show_event, options))
    return True


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
        return stack.execute(change_set, partial(show_event, options))
    except KeyboardInterrupt:
        print(f"AWS goes on changing {stack.name}; run this again to see", file=sys.stderr)
        raise


if __name__ == "__main__":
    sys.exit(run_command(main))
