"""List runs, write a run's report, or show its saved tensors: python -m pipeline.report."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.command_line.documents import json_text, members_of
from pipeline.command_line.running import (
    add_json_option,
    add_state_option,
    from_here,
    overrides_of,
    parser,
    run_command,
)
from pipeline.command_line.subcommands import positive_number, print_table
from pipeline.errors import EXIT_SUCCEEDED, UsageError
from pipeline.given import given_path
from pipeline.report.places import Place, add_place_options, open_place

if TYPE_CHECKING:
    from pipeline.report.sources.facts import Facts

_EXAMPLES = """\
  python -m pipeline.report                              the runs, newest first
  python -m pipeline.report newest --open                make the report of one, and look at it
  python -m pipeline.report hjb2ij4kg3ms --out report
  python -m pipeline.report compare newest               with the run before: what differs
  python -m pipeline.report compare newest hjb2ij4kg3ms
  python -m pipeline.report tensors newest               the tensors that its training saved
  python -m pipeline.report tensors newest gradient/Head_linear.weight --save gradient.png
  python -m pipeline.report EXECUTION_ARN --aws --upload
  python -m pipeline.report track newest --uri mlruns    log a run in MLflow (docs/tracking.md)
  python -m pipeline.report track all --aws              those that are not there yet
  python -m pipeline.report prune --keep 5 --dry-run     what removing old runs would free
  python -m pipeline.report prune --keep 5 --older-than 30d"""
_ALL = "all"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m pipeline.report` with these arguments and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    word = given[0] if given and given[0] in _COMMANDS else ""
    make, run = _COMMANDS[word]
    return run(make().parse_args(given[1:] if word else given))


def parsers() -> Mapping[str, argparse.ArgumentParser]:
    """Make the command's parsers, by the word that they begin with; "" for any other."""
    return {word: make() for word, (make, _) in _COMMANDS.items()}


def _parser() -> argparse.ArgumentParser:
    result = parser(
        "pipeline.report",
        "Lists runs, and makes the report of one: steps, tuning, training, rules, profile, test "
        "results, data and model in one HTML file, and the numbers as CSV.",
        _EXAMPLES,
    )
    result.add_argument("run", nargs="?", metavar="RUN", help="id, ARN or newest; none: list them")
    result.add_argument(
        "--out", type=given_path, metavar="DIR", help="where to (default: with the run)"
    )
    result.add_argument("--open", action="store_true", help="show it in the browser")
    result.add_argument("--upload", action="store_true", help="with --aws: put it into the bucket")
    result.add_argument(
        "--limit", type=positive_number, default=20, metavar="N", help="runs listed (default: 20)"
    )
    add_place_options(result)
    return result


def _compare_parser() -> argparse.ArgumentParser:
    result = parser(
        "pipeline.report compare",
        "Compares two runs: their settings and hyperparameters, the accuracy of their models with "
        "its paired interval, metrics and classes.",
        _examples_of("compare"),
    )
    result.add_argument("run", metavar="RUN", help="id, ARN or newest")
    result.add_argument(
        "other",
        nargs="?",
        metavar="OTHER",
        help="default: the run of its pipeline before it that has test results",
    )
    add_place_options(result)
    return result


def _tensors_parser() -> argparse.ArgumentParser:
    result = parser(
        "pipeline.report tensors",
        "Lists the tensors that a run's training saved, or plots one of them.",
        _examples_of("tensors"),
    )
    result.add_argument("run", metavar="RUN", help="id, ARN or newest")
    result.add_argument("name", nargs="?", metavar="NAME", help="the tensor to plot")
    result.add_argument(
        "--save", type=given_path, metavar="FILE", help="default: its name, in this folder"
    )
    add_place_options(result)
    return result


def _track_parser() -> argparse.ArgumentParser:
    from pipeline.report.tracking.options import add_track_options

    result = parser(
        "pipeline.report track",
        "Logs a run in MLflow: parameters, metrics by epoch, trials below it, report, test results "
        "and model. What is there already stays as it is: to repeat it adds what is missing.",
        _examples_of("track"),
    )
    add_track_options(result)
    add_place_options(result)
    return result


def _prune_parser() -> argparse.ArgumentParser:
    result = parser(
        "pipeline.report prune",
        "Removes old runs of this machine with all that they made: files, versions, cached steps. "
        "What stays: the newest runs of each pipeline; runs of versions that are approved, in an "
        "endpoint, or what it would go back to; runs whose results one of these took.",
        _examples_of("prune"),
    )
    result.add_argument(
        "--keep", type=positive_number, required=True, metavar="N", help="of each pipeline"
    )
    age = "remove only what is older: 30d, 12h, P1M"
    result.add_argument("--older-than", type=_age, metavar="AGE", help=age)
    result.add_argument("--dry-run", action="store_true", help="say it, and change nothing")
    add_json_option(result)
    add_state_option(result)
    return result


def _examples_of(command: str) -> str:
    return "\n".join(line for line in _EXAMPLES.splitlines() if f" {command} " in line)


def _age(text: str) -> timedelta:
    from pipeline.local.engine.caching import parse_duration

    hours = text[:-1]
    try:
        return parse_duration(f"PT{text}" if hours.isdecimal() and text[-1:] == "h" else text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _list(options: argparse.Namespace) -> int:
    from pipeline.comparing.defaults import LOCAL_ENVIRONMENT, read_defaults
    from pipeline.report.documents import listed_run
    from pipeline.report.run_lines import read_lines
    from pipeline.report.runs import list_runs
    from pipeline.report.tables import runs_table

    environment = options.env or (None if options.aws else LOCAL_ENVIRONMENT)
    with open_place(options) as place:
        runs = list_runs(place.source.sagemaker, place.pipelines, options.limit)
        lines = read_lines(place.source, runs, read_defaults(options.settings, environment))
    if options.json:
        print(json_text([listed_run(line) for line in lines]))
    else:
        print_table(runs_table(lines))
    return EXIT_SUCCEEDED


def _compare(options: argparse.Namespace) -> int:
    from pipeline.comparing.documents import compared
    from pipeline.report.comparison import compare_runs, run_before
    from pipeline.report.tables import print_comparison

    with open_place(options) as place:
        first, other = _facts(place, options.run), options.other
        second = _facts(place, other) if other else run_before(place.source, first)
        if first.arn == second.arn:
            raise UsageError(f"run {first.id} is the same: name another to compare it with")
        found = compare_runs(place.source, first, second)
    if options.json:
        differences = compared(found.measured, found.settings, found.unknown)
        runs = {"first": found.first, "second": found.second}
        print(json_text(runs | members_of(differences)))
    else:
        print_comparison(found)
    return EXIT_SUCCEEDED


def _facts(place: Place, wanted: str) -> "Facts":
    """Return what is compared of a run given by id, ARN or `newest`."""
    from pipeline.report.comparison import COMPARED
    from pipeline.report.runs import find_run
    from pipeline.report.sources.facts import read_facts

    arn = find_run(place.source.sagemaker, place.pipelines, wanted)
    return read_facts(place.source, arn, COMPARED)


def _list_or_report(options: argparse.Namespace) -> int:
    return _list(options) if options.run is None else _report(options)


def _report(options: argparse.Namespace) -> int:
    from pipeline.report.making import make_report, report_json
    from pipeline.report.runs import find_run

    if options.upload and not options.aws:
        raise UsageError("--upload puts the report of a run on AWS into its bucket: add --aws")
    with open_place(options) as place:
        arn = find_run(place.source.sagemaker, place.pipelines, options.run)
        try:
            written = make_report(place.source, arn, _folder(options, arn))
        except OSError as error:
            raise UsageError(f"the report cannot be written: {error}: see --out") from error
        print(report_json(written.report) if options.json else f"report {from_here(written.path)}")
        if options.upload and place.aws:
            from pipeline.report.publishing import publish

            print(f"uploaded {publish(place.aws, written)}", file=sys.stderr)
    if options.open:
        import webbrowser

        webbrowser.open(written.path.resolve().as_uri())
    return EXIT_SUCCEEDED


def _folder(options: argparse.Namespace, arn: str) -> Path | None:
    """Return the folder to write to; None stands for the run's own folder."""
    out: Path | None = getattr(options, "out", None)
    if out is None and options.aws:
        state: Path = options.state
        return state / "reports" / arn.rpartition("/")[2]
    return out


def _prune(options: argparse.Namespace) -> int:
    from pipeline.local.pruning.removal import plan_prune, prune
    from pipeline.local.store import Store
    from pipeline.report.pruning import prune_json, prune_lines, prune_table
    from pipeline.target import require_state

    require_state(options.state)
    do = plan_prune if options.dry_run else prune
    pruned = do(Store(options.state), options.keep, options.older_than)
    if options.json:
        print(prune_json(pruned, options.dry_run))
        return EXIT_SUCCEEDED
    if pruned.plan.removed:
        print_table(prune_table(pruned))
    print("\n".join(prune_lines(pruned, options.dry_run)))
    return EXIT_SUCCEEDED


def _track(options: argparse.Namespace) -> int:
    from pipeline.report.runs import find_run, list_runs
    from pipeline.settings.loading import load_settings

    environment = options.env or (None if options.aws else "local")
    settings = load_settings(options.settings, environment, overrides_of(options))
    with open_place(options) as place:
        client, names = place.source.sagemaker, place.pipelines
        if options.run == _ALL and not options.follow:
            arns = [run.arn for run in reversed(list_runs(client, names))]
        else:
            arns = [find_run(client, names, options.run)]
        from pipeline.report.tracking.command import asked, follow, track

        what = asked(options, settings, place.source, {arn: _folder(options, arn) for arn in arns})
        return follow(what) if options.follow else track(what, options.json)


def _tensors(options: argparse.Namespace) -> int:
    from pipeline.report.runs import find_run
    from pipeline.report.saved import read_run_tensors
    from pipeline.report.tables import tensors_table

    with open_place(options) as place:
        arn = find_run(place.source.sagemaker, place.pipelines, options.run)
        found = read_run_tensors(place.source, arn, options.name)
    if options.json:
        print(json_text(found))
    if options.name is None:
        if not options.json:
            print_table(tensors_table(found["tensors"]))
        return EXIT_SUCCEEDED
    _plot(options, found)
    return EXIT_SUCCEEDED


def _plot(options: argparse.Namespace, found: dict[str, Any]) -> None:
    from pipeline.report.page.plots import draw_series
    from pipeline.report.sections.tensors import series_of
    from pipeline.report.tables import series_table

    series = series_of(found["series"])
    path = options.save or Path(f"{options.name.replace('/', '-')}.png")
    draw_series(series, options.name, "value", path)
    if not options.json:
        print_table(series_table(series))
    print(f"plot {from_here(path)}", file=sys.stderr if options.json else sys.stdout)


_COMMANDS = {
    "": (_parser, _list_or_report),
    "compare": (_compare_parser, _compare),
    "tensors": (_tensors_parser, _tensors),
    "prune": (_prune_parser, _prune),
    "track": (_track_parser, _track),
}


if __name__ == "__main__":
    sys.exit(run_command(main))
