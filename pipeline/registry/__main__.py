"""List, show, compare, approve and reject model versions: python -m pipeline.registry."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.command_line.running import parser, run_command
from pipeline.command_line.subcommands import add_command, positive_number, print_table
from pipeline.errors import EXIT_SUCCEEDED
from pipeline.target import Target, add_target_options, open_target

if TYPE_CHECKING:
    from datetime import datetime

    from rich.table import Table

    from pipeline.registry.versions import Version

_EXAMPLES = """\
  python -m pipeline.registry list
  python -m pipeline.registry show 3
  python -m pipeline.registry compare newest             with the approved one, or the one before
  python -m pipeline.registry compare 3 1
  python -m pipeline.registry approve 3 --reason "best on the new pictures"
  python -m pipeline.registry reject 2 --reason "confuses the terriers"
  python -m pipeline.registry list --aws --group dog-breeds --json"""
_STYLES = {"Approved": "green", "Rejected": "red", "PendingManualApproval": "yellow"}
_SHOWN_CLASSES = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and run its subcommand."""
    options = _parser().parse_args(arguments)
    with open_target(options) as target:
        run: Callable[[Target, argparse.Namespace], None] = options.run
        run(target, options)
    return EXIT_SUCCEEDED


def _parser() -> argparse.ArgumentParser:
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
    return result


def _add(commands: Any, name: str, text: str, run: Callable[..., None]) -> argparse.ArgumentParser:
    command = add_command(commands, name, text, run, _EXAMPLES)
    command.add_argument("--group", metavar="NAME", help="default: the only group there is")
    add_target_options(command)
    return command


def _with_version(command: argparse.ArgumentParser) -> None:
    command.add_argument("version", metavar="VERSION", help="a number, `newest`, or an ARN")


def _list(target: Target, options: argparse.Namespace) -> None:
    from pipeline.registry.versions import choose_group, list_arns, read_versions

    group = choose_group(target, options.group)
    arns = list_arns(target, group)
    versions = read_versions(target, list(arns.values())[: options.limit])
    if options.json:
        _print_json([_summary(version) for version in versions])
        return
    print_table(_table(versions))
    if len(arns) > len(versions):
        print(f"{len(arns) - len(versions)} older ones: --limit {len(arns)}")


def _show(target: Target, options: argparse.Namespace) -> None:
    from pipeline.registry.versions import find_version

    version = find_version(target, options.group, options.version)
    if options.json:
        _print_json(_summary(version) | {"evaluation": version.evaluation})
        return
    print_table(_facts(version))
    if classes := _worst_classes(version):
        print_table(classes)


def _compare(target: Target, options: argparse.Namespace) -> None:
    from pipeline.registry.comparison import compare_versions
    from pipeline.registry.comparison_view import print_comparison

    found = compare_versions(target, options.group, options.version, options.other)
    if options.json:
        versions = {"first": _summary(found.first), "second": _summary(found.second)}
        _print_json(versions | found.to_dict())
    else:
        print_comparison(found)


def _approve(target: Target, options: argparse.Namespace) -> None:
    _decide(target, options, "Approved")


def _reject(target: Target, options: argparse.Namespace) -> None:
    _decide(target, options, "Rejected")


def _decide(target: Target, options: argparse.Namespace, status: str) -> None:
    from datetime import UTC, datetime

    from pipeline.registry.versions import find_version, read_version

    version = find_version(target, options.group, options.version)
    reason = {"ApprovalDescription": options.reason} if options.reason else {}
    since = datetime.now(UTC)
    target.sagemaker.update_model_package(
        ModelPackageArn=version.arn, ModelApprovalStatus=status, **reason
    )
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
        _print_json(_summary(after))
    else:
        print("production follows: python -m pipeline.endpoint status --aws")


def _report_local(options: argparse.Namespace, after: "Version", since: "datetime") -> None:
    """Report what production is after the decision, where a run has set it up."""
    from pipeline.local.service.following import follow_decision

    deployed = follow_decision(options.state, after.group, since)
    if options.json:
        _print_json(_summary(after) | {"production": deployed and deployed.to_dict()})
    elif deployed:
        print(deployed.summary())
    if deployed:
        deployed.raise_problems()


def _summary(version: "Version") -> dict[str, Any]:
    return {
        "version": version.number,
        "group": version.group,
        "status": version.approval,
        "reason": version.reason,
        "accuracy": version.accuracy,
        "data_fingerprint": version.metadata.get("DataFingerprint"),
        "git_commit": version.metadata.get("GitCommit"),
        "pipeline_version": version.metadata.get("PipelineVersion"),
        "training_job": version.metadata.get("TrainingJob"),
        "report": version.metadata.get("Report"),
        "created": version.created.isoformat(timespec="seconds"),
        "model_data": version.model_data,
        "arn": version.arn,
    }


def _table(versions: Sequence["Version"]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Version", "Status", "Accuracy", "Data", "Commit", "Created"):
        table.add_column(name, no_wrap=True, justify="right" if name == "Accuracy" else "left")
    table.add_column("ARN", overflow="fold")
    for version in versions:
        table.add_row(
            str(version.number),
            Text(version.approval, style=_STYLES.get(version.approval, "")),
            _percent(version.accuracy),
            version.metadata.get("DataFingerprint", "-")[:12],
            version.metadata.get("GitCommit", "-")[:10],
            f"{version.created:%Y-%m-%d %H:%M}",
            version.arn,
        )
    return table


def _facts(version: "Version") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _summary(version).items():
        shown = _percent(value) if name == "accuracy" else str(value or "-")
        table.add_row(name.replace("_", " "), Text(shown))
    for name, value in _metric_values(version.evaluation).items():
        table.add_row(name.replace("0_5", "0.5").replace("_", " "), f"{value:.4f}")
    return table


def _metric_values(evaluation: Mapping[str, Any]) -> dict[str, float]:
    from pipeline.registry.versions import metric_value

    names = evaluation.get("multiclass_classification_metrics", {})
    found = {name: metric_value(evaluation, name) for name in names if name != "accuracy"}
    return {
        name: value
        for name, value in found.items()
        if value is not None and "constant_classifier" not in name
    }


def _worst_classes(version: "Version") -> "Table | None":
    from rich.table import Table
    from rich.text import Text

    metrics = version.evaluation.get("multiclass_classification_metrics", {})
    classes = metrics.get("per_class", {})
    known = {name: facts for name, facts in classes.items() if facts.get("recall") is not None}
    if not known:
        return None
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.add_column("Least recognised classes", overflow="fold")
    table.add_column("Recall", justify="right")
    table.add_column("Pictures", justify="right")
    worst = sorted(known.items(), key=lambda item: item[1]["recall"])[:_SHOWN_CLASSES]
    for name, facts in worst:
        table.add_row(Text(name), _percent(facts["recall"]), str(facts.get("count", "-")))
    return table


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))


if __name__ == "__main__":
    sys.exit(run_command(main))
