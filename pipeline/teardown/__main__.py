"""Delete what a project has on AWS, or the endpoints here: python -m pipeline.teardown."""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from pipeline.command_line.documents import json_text
from pipeline.command_line.running import (
    add_json_option,
    add_settings_options,
    add_state_option,
    overrides_of,
    parser,
    run_command,
)
from pipeline.command_line.subcommands import print_table
from pipeline.errors import EXIT_FAILED, EXIT_STOPPED, EXIT_SUCCEEDED, UsageError

if TYPE_CHECKING:
    from pipeline.aws.clients import Aws
    from pipeline.aws.timing import Timing
    from pipeline.teardown.account import Project
    from pipeline.teardown.documents import Ended, Found, TornDown

_EXAMPLES = """\
  python -m pipeline.teardown --dry-run               what there is, and what would be deleted
  python -m pipeline.teardown                         show it, ask, and delete it
  python -m pipeline.teardown --env production --yes
  python -m pipeline.teardown --registry --bucket     versions, pictures, runs and models as well
  python -m pipeline.teardown --local                 the endpoints of this machine"""
_HERE = "this machine"


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and take down what it names."""
    options = parsers()[""].parse_args(arguments)
    if not (options.yes or options.dry_run or sys.stdin.isatty()):
        raise UsageError("no terminal to ask on: give --yes, or --dry-run to look only")
    if options.local:
        return _tear_down_here(options)
    from pipeline.aws.clients import connect
    from pipeline.settings.loading import load_settings
    from pipeline.teardown.account import Project

    settings = load_settings(options.settings, options.env, overrides_of(options))
    project = Project(settings, options.registry, options.bucket)
    return tear_down(connect(settings), project, options)


def tear_down(
    aws: "Aws", project: "Project", options: argparse.Namespace, timing: "Timing | None" = None
) -> int:
    """Look, show, ask, delete, look again. Exit code 3 when the answer is no, 1 if any stays."""
    from pipeline.aws.timing import Timing
    from pipeline.teardown.account import look
    from pipeline.teardown.deleting import delete_all

    found = look(aws, project)
    name = project.settings.project
    if not _is_wanted(name, found, options):
        return _end_without(name, found, options)
    ends = []
    for done in delete_all(aws, found, timing or Timing()):
        _show_end(done, options)
        ends.append(done)
    return _end_with(name, found, ends, look(aws, project), options)


def _tear_down_here(options: argparse.Namespace) -> int:
    from pipeline.target import local_target, readable_errors
    from pipeline.teardown.machine import delete_here, look_here

    if options.registry or options.bucket:
        what = f"on this machine versions, runs and files are the folder {options.state}"
        raise UsageError(f"{what}: delete it, or thin it with python -m pipeline.report prune")
    with readable_errors():
        target = local_target(options.state)
        found = look_here(target)
        if not _is_wanted(_HERE, found, options):
            return _end_without(_HERE, found, options)
        ends = []
        for done in delete_here(target, found):
            _show_end(done, options)
            ends.append(done)
        return _end_with(_HERE, found, ends, look_here(target), options)


def parsers() -> Mapping[str, argparse.ArgumentParser]:
    """Make the command's parser."""
    result = parser(
        "pipeline.teardown",
        "Deletes what a project has on AWS: first what costs by the hour, then its stack. Bucket "
        "and model registry stay unless told otherwise. Cut off, it can be run again.",
        _EXAMPLES,
    )
    add_settings_options(result)
    add_state_option(result)
    result.add_argument("--local", action="store_true", help="the endpoints of this machine")
    result.add_argument("--yes", action="store_true", help="do not ask")
    result.add_argument("--dry-run", action="store_true", help="show it, delete nothing")
    text = "also the versions in the model registry, their group, and where they served"
    result.add_argument("--registry", action="store_true", help=text)
    text = "also the bucket with all its versions of everything: pictures, runs, models"
    result.add_argument("--bucket", action="store_true", help=text)
    add_json_option(result)
    return {"": result}


def _is_wanted(name: str, found: "Found", options: argparse.Namespace) -> bool:
    """Show what there is, and ask; False where there is nothing to delete."""
    _show(name, found, options)
    if not found.going or options.dry_run:
        return False
    if options.yes:
        return True
    prompt = f"Delete these {len(found.going)}? [y/N] "
    if options.json:  # input() writes to standard output
        print(prompt, end="", file=sys.stderr, flush=True)
        prompt = ""
    return input(prompt).strip().lower() in ("y", "yes")


def _end_without(name: str, found: "Found", options: argparse.Namespace) -> int:
    from pipeline.teardown.documents import Ended, TornDown

    ends = tuple(Ended(one, "kept" if one.kept else "", one.kept) for one in found.things)
    costs = tuple(one for one in found.things if one.costs)
    _report(TornDown(name, False, ends, costs, found.unseen), options)
    if found.unseen:
        return EXIT_FAILED
    if found.going and not options.dry_run:
        _say(options, "nothing was deleted")
        return EXIT_STOPPED
    return EXIT_SUCCEEDED


def _end_with(
    name: str, found: "Found", ends: "Iterable[Ended]", left: "Found", options: argparse.Namespace
) -> int:
    from pipeline.teardown.documents import Ended, TornDown

    kept = [Ended(one, "kept", one.kept) for one in found.things if one.kept]
    costs = tuple(one for one in left.things if one.costs)
    done = TornDown(name, True, (*ends, *kept), costs, left.unseen)
    _show_left(done, options)
    _report(done, options)
    return EXIT_SUCCEEDED if done.is_complete and not left.going else EXIT_FAILED


def _show(name: str, found: "Found", options: argparse.Namespace) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Kind", "Name", "Costs", ""):
        table.add_column(column, overflow="fold")
    for thing in found.things:
        what = f"kept: {thing.kept}" if thing.kept else "is deleted"
        table.add_row(thing.kind, thing.name, thing.costs or "-", what)
    if found.things:
        _say(options, f"what there is of {name}:")
        print_table(table, 140, _out(options))
    elif not found.unseen:
        _say(options, f"there is nothing of {name}")
    for one in found.unseen:
        _say(options, f"not seen: {one.what}: {one.reason}")


def _show_end(done: "Ended", options: argparse.Namespace) -> None:
    reason = f": {done.reason}" if done.reason else ""
    _say(options, f"{done.end:<9}  {done.thing.kind} {done.thing.name}{reason}")


def _show_left(done: "TornDown", options: argparse.Namespace) -> None:
    for one in done.unseen:
        _say(options, f"not seen: {one.what}: {one.reason}")
    nothing = "nothing" if not done.unseen else "nothing that could be seen"
    _say(options, f"what still costs money: {'' if done.still_costs else nothing}".rstrip())
    for thing in done.still_costs:
        _say(options, f"  {thing.kind} {thing.name}: {thing.costs}")
    if not done.is_complete:
        _say(options, "not all is gone: mend what it says, and run this again")


def _out(options: argparse.Namespace) -> TextIO:
    """Return where people read; with --json standard output is for programs."""
    return sys.stderr if options.json else sys.stdout


def _say(options: argparse.Namespace, line: str) -> None:
    print(line, file=_out(options), flush=True)


def _report(done: "TornDown", options: argparse.Namespace) -> None:
    if options.json:
        print(json_text(done))


if __name__ == "__main__":
    sys.exit(run_command(main))
