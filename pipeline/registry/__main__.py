"""List, show, compare, approve and reject model versions: python -m pipeline.registry."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.command_line.documents import json_text, members_of
from pipeline.command_line.running import parser, run_command
from pipeline.command_line.subcommands import add_command, positive_number, print_table
from pipeline.errors import EXIT_SUCCEEDED
from pipeline.target import Target, add_target_options, open_target

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.comparing.chosen import Chosen
    from pipeline.local.service.following import Deployed
    from pipeline.registry.versions import Version

_EXAMPLES = """\
  python -m pipeline.registry list
  python -m pipeline.registry show 3
  python -m pipeline.registry compare newest             with the approved one, or the one before
  python -m pipeline.registry compare 3 1
  python -m pipeline.registry approve 3 --reason "best on the new pictures"
  python -m pipeline.registry reject 2 --reason "confuses the terriers"
  python -m pipeline.registry list --aws --group dog-breeds --json"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and run its subcommand."""
    options = parsers()[""].parse_args(arguments)
    with open_target(options) as target:
        run: Callable[[Target, argparse.Namespace], None] = options.run
        run(target, options)
    return EXIT_SUCCEEDED


def parsers() -> Mapping[str, argparse.ArgumentParser]:
    """Make the command's parser."""
    result = parser(
        "pipeline.registry",
        "Lists, shows, compares, approves and rejects model versions.",
        _EXAMPLES,
    )
    commands = result.add_subparsers(required=True, metavar="COMMAND")
    listing = _add(commands, "list", "the versions of a group, newest first", _list)
    listing.add_argument(
        "--limit", type=positive_number, default=20, metavar="N", help="default: 20"
    )
    _with_version(_add(commands, "show", "all that is known about one version", _show))
    compare = _add(commands, "compare", "two versions side by side", _compare)
    _with_version(compare)
    compare.add_argument(
        "other",
        nargs="?",
        metavar="OTHER",
        help="default: the approved version, or where there is no other the one before",
    )
    for name, verb in (("approve", _approve), ("reject", _reject)):
        command = _add(commands, name, f"{name} one version", verb)
        _with_version(command)
        command.add_argument("--reason", default="", metavar="TEXT", help="kept with the version")
    return {"": result}


def _add(commands: Any, name: str, text: str, run: Callable[..., None]) -> argparse.ArgumentParser:
    command = add_command(commands, name, text, run, _EXAMPLES)
    command.add_argument("--group", metavar="NAME", help="default: the only group there is")
    add_target_options(command)
    return command


def _with_version(command: argparse.ArgumentParser) -> None:
    command.add_argument("version", metavar="VERSION", help="a number, `newest`, or an ARN")


def _list(target: Target, options: argparse.Namespace) -> None:
    from pipeline.registry.documents import made_version
    from pipeline.registry.origins import Origins
    from pipeline.registry.version_view import versions_table
    from pipeline.registry.versions import choose_group, list_arns, read_versions

    group = choose_group(target, options.group)
    arns = list_arns(target, group)
    versions = read_versions(target, list(arns.values())[: options.limit])
    origins = Origins(target.sagemaker, _defaults(options))
    made = [origins.made(version, tuned=False) for version in versions]
    if options.json:
        print(json_text([made_version(one) for one in made]))
        return
    print_table(versions_table(made))
    if len(arns) > len(versions):
        print(f"{len(arns) - len(versions)} older ones: --limit {len(arns)}")


def _show(target: Target, options: argparse.Namespace) -> None:
    from pipeline.registry.documents import made_version
    from pipeline.registry.lineage import card_of, lineage_of
    from pipeline.registry.origins import Origins
    from pipeline.registry.version_view import print_version
    from pipeline.registry.versions import find_version

    version = find_version(target, options.group, options.version)
    defaults = _defaults(options)
    origins = Origins(target.sagemaker, defaults)
    made = origins.made(version)
    if options.json:
        chosen = made.chosen
        more = {
            "settings": chosen and chosen.values,
            "tuned": sorted(chosen.tuned) if chosen else None,
            "evaluation": version.evaluation,
            "lineage": lineage_of(origins, version),
            "card": card_of(version),
        }
        print(json_text(members_of(made_version(made)) | more))
    else:
        print_version(made, defaults)


def _defaults(options: argparse.Namespace) -> "Chosen | None":
    from pipeline.comparing.defaults import LOCAL_ENVIRONMENT, read_defaults

    environment = options.env or (None if options.aws else LOCAL_ENVIRONMENT)
    return read_defaults(options.settings, environment)


def _compare(target: Target, options: argparse.Namespace) -> None:
    from pipeline.comparing.documents import compared
    from pipeline.registry.comparison import compare_versions
    from pipeline.registry.comparison_view import print_comparison
    from pipeline.registry.documents import version_facts

    found = compare_versions(target, options.group, options.version, options.other)
    if options.json:
        versions = {"first": version_facts(found.first), "second": version_facts(found.second)}
        differences = compared(found.measured, found.settings, found.unknown)
        print(json_text(versions | members_of(differences)))
    else:
        print_comparison(found)


def _approve(target: Target, options: argparse.Namespace) -> None:
    _decide(target, options, "Approved")


def _reject(target: Target, options: argparse.Namespace) -> None:
    _decide(target, options, "Rejected")


def _decide(target: Target, options: argparse.Namespace, status: str) -> None:
    from datetime import UTC, datetime

    from pipeline.registry.decisions import decide
    from pipeline.registry.versions import find_version, read_version

    version = find_version(target, options.group, options.version)
    since = datetime.now(UTC)
    decide(target, version.arn, status, options.reason)
    after = read_version(target, version.arn)
    if not options.json:
        print(f"{after.group} version {after.number}: {version.approval} -> {after.approval}")
    if options.aws:
        _report_aws(options, after)
    else:
        _report_local(options, after, since)


def _report_aws(options: argparse.Namespace, after: "Version") -> None:
    """Report a decision on AWS: EventBridge tells the function that deploys, nobody here waits."""
    if options.json:
        _print_decided(after, None)
    else:
        print("production follows: python -m pipeline.endpoint status --aws")


def _report_local(options: argparse.Namespace, after: "Version", since: "datetime") -> None:
    """Report what production is after the decision, where a run has set it up."""
    from pipeline.local.service.following import follow_decision

    deployed = follow_decision(options.state, after.group, since)
    if options.json:
        _print_decided(after, deployed)
    elif deployed:
        print(deployed.summary())
    if deployed:
        deployed.raise_problems()


def _print_decided(after: "Version", production: "Deployed | None") -> None:
    from pipeline.registry.documents import version_facts

    print(json_text(members_of(version_facts(after)) | {"production": production}))


if __name__ == "__main__":
    sys.exit(run_command(main))
