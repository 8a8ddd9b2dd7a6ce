"""Compile, check, compare, price, run, upsert, start or watch: python -m pipeline.run."""

import argparse
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pipeline.command_line.documents import json_text
from pipeline.command_line.running import (
    ROOT,
    add_json_option,
    add_parameter_option,
    add_settings_options,
    add_state_option,
    overrides_of,
    parser,
    run_command,
)
from pipeline.errors import EXIT_FAILED, EXIT_STOPPED, EXIT_SUCCEEDED, UsageError

_EXAMPLES = """\
  on this machine
    python -m pipeline.run --local                                 the generated sample
    python -m pipeline.run --local --data ~/pictures               your own, a folder per class
    python -m pipeline.run --local --data pictures.zip             or an archive of it
    python -m pipeline.run --local --data ~/pictures \\
        --set backbone.name=mobilenet_v2 --set backbone.weights=mobilenet_v2.pth
    python -m pipeline.run --local --parameter AccuracyThreshold=0.8
    python -m pipeline.run --local --profile                       and where the time went
    python -m pipeline.run --local --from Train                    the steps before: of the last run
    python -m pipeline.run --local --from Gate --source hjb2ij4kg3ms
    python -m pipeline.run --local --stop newest                   as Ctrl-C does
    python -m pipeline.run --local --retry newest                  go on where it failed
  before anything reaches AWS
    python -m pipeline.run --definition --env production           what SageMaker would get
    python -m pipeline.run --check                                 what is wrong with it
    python -m pipeline.run --check definition.json                 or with any definition
    python -m pipeline.run --diff                                  what an upsert would change
    python -m pipeline.run --diff old.json new.json                or any two definitions
    python -m pipeline.run --cost --parameter TuningMaxJobs=40     the most a run can cost
  on AWS
    python -m pipeline.run --upsert                                create or update the pipeline
    python -m pipeline.run --upsert --start --wait                 and run it, watching
    python -m pipeline.run --upsert --start --from Train           on what the last run made before
    python -m pipeline.run --watch EXECUTION_ARN                   watch a run that was started
    python -m pipeline.run --stop newest
    python -m pipeline.run --retry newest --wait                   go on where it failed, watching
  the runs: python -m pipeline.report, with --aws those on AWS"""

_NOTHING: dict[str, Any] = {"Version": "2020-12-01", "Parameters": [], "Steps": []}
_COMPILED = "-"  # stands for "the definition of this tree" where a file could be named
_TWO_FILES = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and do the one action it asks for."""
    parsed = parsers()[""]
    options = parsed.parse_args(arguments)
    options.command = _typed(sys.argv[1:] if arguments is None else arguments)
    _check_actions(parsed, options)
    _check_options(options)
    for name, action in _ACTIONS.items():
        if _is_given(options, name):
            return action(options)
    raise AssertionError("one of the actions is required")


def _check_actions(parsed: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Take one action; --local is one, and says of some others that they are about this machine."""
    others = [name for name in _ACTIONS if name != "local" and _is_given(options, name)]
    if not others and not options.local:
        named = ", ".join(f"--{name}" for name in ("local", *_ACTIONS) if name != "local")
        parsed.error(f"one of these is required: --local, {named}")
    if options.local and others and others[0] not in ("stop", "retry"):
        parsed.error(f"argument --{others[0]}: not allowed with argument --local")


def _check_options(options: argparse.Namespace) -> None:
    """Raise UsageError for options that mean nothing with the action."""
    retries = options.retry is not None and not options.local
    if options.start and not options.upsert:
        raise UsageError("--start and --wait go with --upsert; to watch a run use --watch ARN")
    if options.wait and not (options.upsert or retries):
        raise UsageError("--start and --wait go with --upsert; to watch a run use --watch ARN")
    if options.wait and not (options.start or retries):
        raise UsageError("--wait waits for the run that --start starts: add --start")
    begins = (options.local and options.stop is None and options.retry is None) or options.start
    if options.first is not None and not begins:
        raise UsageError("--from says where a run begins: it goes with --local or --start")
    if options.retry is not None and (options.parameter or options.data is not None):
        raise UsageError("--retry goes on with what was begun: --parameter and --data are --from's")
    if options.source is not None and options.first is None:
        raise UsageError("--source is the run whose steps --from takes: add --from STEP")
    if options.data is not None and not options.local:
        raise UsageError("--data goes with --local; on AWS give --parameter DataUri=s3://...")
    if options.profile and not options.local:
        raise UsageError("--profile goes with --local; a run on AWS has its times in its report")
    if options.diff is not None and len(options.diff) > _TWO_FILES:
        raise UsageError(f"--diff compares two files, old and new; {len(options.diff)} were given")


def _is_given(options: argparse.Namespace, name: str) -> bool:
    return getattr(options, name) not in (None, False)


def parsers() -> Mapping[str, argparse.ArgumentParser]:
    """Make the command's parser."""
    result = parser("pipeline.run", "The pipeline, on this machine and on AWS.", _EXAMPLES)
    actions = result.add_argument_group("what to do")
    local_help = "run everything on this machine; with --stop and --retry: a run of this machine"
    actions.add_argument("--local", action="store_true", help=local_help)
    action = actions.add_mutually_exclusive_group()
    action.add_argument("--definition", action="store_true", help="print the definition as JSON")
    action.add_argument(
        "--monitoring", action="store_true", help="print the monitoring pipeline's definition"
    )
    action.add_argument(
        "--check",
        nargs="?",
        const=_COMPILED,
        metavar="FILE",
        help="check the definition, or any FILE, offline; exit code 1: it has errors",
    )
    action.add_argument(
        "--diff",
        nargs="*",
        metavar="FILE",
        help="compare the deployed definition, or FILE, with this tree's, or two FILEs, old and "
        "new; exit code 0 with differences or without (--json says which, in 'empty')",
    )
    action.add_argument(
        "--cost", action="store_true", help="the most that a run can cost on AWS, and a month"
    )
    action.add_argument("--upsert", action="store_true", help="create or update it on AWS")
    action.add_argument("--watch", metavar="ARN", help="watch an execution on AWS")
    action.add_argument("--stop", metavar="RUN", help="stop a run: its id, ARN, or newest")
    retry_help = "go on with a run that failed or was stopped, where it did: id, ARN, or newest"
    action.add_argument("--retry", metavar="RUN", help=retry_help)
    result.add_argument("--start", action="store_true", help="with --upsert: start an execution")
    wait_help = "with --start or --retry: watch it to its end, then ask its endpoint"
    result.add_argument("--wait", action="store_true", help=wait_help)
    result.add_argument(
        "--data",
        metavar="DIR",
        help="with --local: pictures, a folder per class, or a zip or tar of it (default: sample)",
    )
    profile_help = "with --local: say at the end where the time went"
    result.add_argument("--profile", action="store_true", help=profile_help)
    result.add_argument(
        "--from",
        dest="first",
        metavar="STEP",
        help="begin at this step: run it and all after it, on what a run made before",
    )
    result.add_argument(
        "--source",
        metavar="RUN",
        help="with --from: the run to take the steps before of (default: the newest that has them)",
    )
    add_settings_options(result, "environment (default with --local: local)")
    add_parameter_option(result)
    add_json_option(result)
    add_state_option(result)
    return {"": result}


def _typed(arguments: Sequence[str]) -> str:
    return shlex.join(["python", "-m", "pipeline.run", *arguments])


def _settings(options: argparse.Namespace, environment: str | None = None) -> Any:
    from pipeline.settings.loading import load_settings

    return load_settings(options.settings, options.env or environment, overrides_of(options))


def _for_run(
    options: argparse.Namespace, environment: str | None = None
) -> tuple[Any, dict[str, str]]:
    """Load the settings, and the parameters that are given besides."""
    from pipeline.definition.given_parameters import check_parameters, parse_parameters
    from pipeline.settings.loading import load_settings

    environment = options.env or environment
    own = overrides_of(options)
    settings = load_settings(options.settings, environment, own)
    given = parse_parameters(options.parameter)
    check_parameters(
        given, lambda more: load_settings(options.settings, environment, [*own, *more])
    )
    return settings, given


def _compiled(options: argparse.Namespace, settings: Any) -> dict[str, Any]:
    from pipeline.definition.compile_cache import compiled_definition

    _check_files(settings)
    return compiled_definition(settings, ROOT, options.state)


def _monitoring(options: argparse.Namespace, settings: Any) -> dict[str, Any] | None:
    """Return the monitoring pipeline's definition; None where it is off."""
    from pipeline.definition.compile_cache import compiled_monitoring

    return compiled_monitoring(settings, ROOT, options.state)


def _check_files(settings: Any) -> None:
    """Refuse files of settings that cannot be used, and say what is taken of the weights."""
    from pipeline.assets.decisions import check_decisions
    from pipeline.assets.weights import check_weights

    check_decisions(settings)
    if taken := check_weights(settings):
        _say(f"backbone.weights: {settings.backbone.weights}: {taken}")


def _print_definition(options: argparse.Namespace) -> int:
    from pipeline.definition.compile_cache import definition_text

    settings = _settings(options)
    _check_files(settings)
    print(definition_text(settings, ROOT, options.state), end="")
    return EXIT_SUCCEEDED


def _print_monitoring(options: argparse.Namespace) -> int:
    from pipeline.definition.compile_cache import monitoring_text

    settings = _settings(options)
    if not settings.monitor.enabled:
        raise UsageError("there is no monitoring pipeline: --set monitor.enabled=true makes one")
    print(monitoring_text(settings, ROOT, options.state), end="")
    return EXIT_SUCCEEDED


def _run_locally(options: argparse.Namespace) -> int:
    from pipeline.command_line.local_packages import require_packages

    require_packages()
    from pipeline.run.locally import LocalRequest, run_locally

    settings, given = _for_run(options, "local")
    _check_files(settings)
    note = _environment_note(options)
    request = LocalRequest(
        settings,
        options.state,
        options.data,
        given,
        options.command,
        note,
        options.profile,
        _first(options),
    )
    result = run_locally(request)
    print(result.to_json() if options.json else result.summary())
    return result.exit_code


def _first(options: argparse.Namespace) -> Any:
    from pipeline.run.selecting import FromStep

    return None if options.first is None else FromStep(options.first, options.source)


def _stop(options: argparse.Namespace) -> int:
    from pipeline.run.again import stop_run

    with _runs(options) as (client, pipelines):
        _report(options, stop_run(client, pipelines, options.stop), is_last=True)
    return EXIT_SUCCEEDED


def _retry(options: argparse.Namespace) -> int:
    if options.local:
        from pipeline.command_line.local_packages import require_packages

        require_packages()
        from pipeline.run.retried import retry_locally

        result = retry_locally(_settings(options, "local"), options.state, options.retry)
        print(result.to_json() if options.json else result.summary())
        return result.exit_code
    from pipeline.aws.clients import connect
    from pipeline.aws.watch import definition_of
    from pipeline.run.again import retry_run

    settings = _settings(options)
    if options.wait:
        _require_tracking(settings)
    with _runs(options) as (client, pipelines):
        again = retry_run(client, pipelines, options.retry)
    _report(options, again, is_last=not options.wait)
    if not options.wait:
        return EXIT_SUCCEEDED
    aws = connect(settings)
    return _follow(options, aws, settings, again.arn, definition_of(aws, again.arn))


@contextmanager
def _runs(options: argparse.Namespace) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Open the SageMaker whose runs are meant, with the pipelines to look in."""
    from pipeline.report.runs import pipelines_of
    from pipeline.target import local_target, readable_errors

    with readable_errors():
        if options.local:
            client = local_target(options.state).sagemaker
            yield client, tuple(pipelines_of(client))
            return
        from pipeline.aws.clients import connect

        settings = _settings(options)
        yield connect(settings).client("sagemaker"), (settings.project,)


def _environment_note(options: argparse.Namespace) -> str | None:
    """Say which settings an environment replaces: whoever edits the file must see it."""
    from pipeline.settings.loading import overlay_of, parse_override

    name = options.env or "local"
    given = tuple(".".join(parse_override(text)[0]) for text in overrides_of(options))
    instead = [
        f"{key}={value}"
        for key, value in overlay_of(options.settings, name).items()
        if not any(f"{key}.".startswith(f"{other}.") for other in given)
    ]
    if not instead:
        return None
    return f"settings: environments.{name} over {options.settings.name}: {' '.join(instead)}"


def _check(options: argparse.Namespace) -> int:
    from pipeline.check import (
        check_definition,
        findings_json,
        findings_text,
        has_errors,
        read_definition,
    )

    beside: list[Any] = []
    if options.check == _COMPILED:
        settings = _settings(options)
        definition = _compiled(options, settings)
        beside = _findings_beside(settings)
        monitoring = _monitoring(options, settings)
        beside += check_definition(monitoring, today=_today()) if monitoring else []
        beside += _findings_of_budget(settings, definition, monitoring)
    else:
        definition = read_definition(Path(options.check))
    findings = [*check_definition(definition, today=_today()), *beside]
    print(findings_json(findings) if options.json else findings_text(findings))
    return EXIT_FAILED if has_errors(findings) else EXIT_SUCCEEDED


def _findings_beside(settings: Any) -> list[Any]:
    """Find what no definition tells: that runs are to be tracked, and cannot be from here."""
    from pipeline.check.findings import Finding
    from pipeline.report.tracking.package import INSTALL, is_installed

    if settings.tracking.mlflow_uri is None or is_installed():
        return []
    what = "runs are to be logged in MLflow, and mlflow-skinny is not installed here"
    return [Finding("tracking-package", "warning", "", "tracking.mlflow_uri", what, INSTALL)]


def _findings_of_budget(
    settings: Any, definition: dict[str, Any], monitoring: dict[str, Any] | None
) -> list[Any]:
    """Find what costs more than the settings allow; nothing is priced without a budget."""
    if settings.cost.maximum_per_run is None and settings.cost.maximum_per_month is None:
        return []
    from pipeline.cost.budget import budget_findings
    from pipeline.cost.estimate import estimate

    cost = estimate(definition, settings=settings, monitoring=monitoring)
    return list(budget_findings(settings, cost))


def _today() -> date:
    return datetime.now(UTC).date()


def _diff(options: argparse.Namespace) -> int:
    from pipeline.check import read_definition
    from pipeline.diff.steps import diff_definitions, diff_json, diff_text

    files = [read_definition(Path(file)) for file in options.diff]
    monitoring = None
    if len(files) == _TWO_FILES:
        old, new = files
    else:
        settings = _settings(options)
        new = _compiled(options, settings)
        old = files[0] if files else _deployed(settings.project, settings)
        if not files and (wanted := _monitoring(options, settings)):
            monitoring = diff_definitions(_deployed(settings.monitor_pipeline, settings), wanted)
    difference = diff_definitions(old, new)
    print((diff_json if options.json else diff_text)(difference, monitoring))
    return EXIT_SUCCEEDED


def _deployed(name: str, settings: Any) -> dict[str, Any]:
    from pipeline.aws.upsert import deployed_definition

    deployed = deployed_definition(settings, name=name)
    if deployed is None:
        _say(f"no pipeline {name} is deployed yet: everything is new")
    return deployed or _NOTHING


def _cost(options: argparse.Namespace) -> int:
    from pipeline.cost.estimate import estimate, estimate_json, estimate_text
    from pipeline.definition.given_parameters import parse_parameters

    settings, given = _settings(options), parse_parameters(options.parameter)
    cost = estimate(
        _compiled(options, settings),
        given or None,
        settings=settings,
        monitoring=_monitoring(options, settings),
    )
    print(estimate_json(cost) if options.json else estimate_text(cost))
    return EXIT_SUCCEEDED


def _upsert(options: argparse.Namespace) -> int:
    from pipeline.aws.clients import connect
    from pipeline.aws.quotas import check_before_start
    from pipeline.aws.start import StartRequest, start
    from pipeline.aws.turns import NewerUpsertedError
    from pipeline.aws.upsert import Superseded, UpsertRequest, upsert

    settings, given = _for_run(options)
    if options.wait:
        _require_tracking(settings)
    definition = _compiled(options, settings)
    aws = connect(settings)
    selection, given = _selected(options, aws, settings, definition, given)
    try:
        request = UpsertRequest(
            settings, definition, ROOT, monitoring=_monitoring(options, settings)
        )
        done = upsert(aws, request, say=_say)
    except NewerUpsertedError as newer:
        # On one branch nothing is lost: what is there holds this commit, and was started itself.
        print(json_text(Superseded(str(newer))) if options.json else newer)
        return EXIT_STOPPED if options.wait else EXIT_SUCCEEDED
    _report(options, done, is_last=not options.start)
    if not options.start:
        return EXIT_SUCCEEDED
    for line in check_before_start(aws, settings, given):
        _say(line)
    version = done.version
    begun = start(aws, StartRequest(settings, definition, given, ROOT, version, selection))
    _report(options, begun, is_last=not options.wait)
    if not options.wait:
        return EXIT_SUCCEEDED
    return _follow(options, aws, settings, begun.arn, definition)


def _selected(
    options: argparse.Namespace,
    aws: Any,
    settings: Any,
    definition: dict[str, Any],
    given: dict[str, Any],
) -> tuple[Any, dict[str, Any]]:
    """Return the steps that are to run, None for all, and the parameters to start with."""
    if options.first is None:
        return None, given
    from pipeline.report.sources.aws_source import AwsSource
    from pipeline.run.selecting import select
    from pipeline.target import readable_errors
    from pipeline.temporary import temporary_folder

    with readable_errors(), temporary_folder("facts") as scratch:
        source = AwsSource(aws, scratch)
        found = select(source, (settings.project,), definition, _first(options), given)
    for note in found.notes:
        _say(note)
    return found.selection, dict(found.parameters)


def _watch(options: argparse.Namespace) -> int:
    from pipeline.aws.clients import connect
    from pipeline.aws.watch import definition_of

    settings = _settings(options)
    _require_tracking(settings)
    aws = connect(settings)
    return _follow(options, aws, settings, options.watch, definition_of(aws, options.watch))


def _require_tracking(settings: Any) -> None:
    from pipeline.report.tracking.package import require_when_asked

    require_when_asked(settings)


def _follow(
    options: argparse.Namespace, aws: Any, settings: Any, arn: str, definition: dict[str, Any]
) -> int:
    """Watch an execution to its end, report it, log it where asked to, and ask its endpoint."""
    from pipeline.aws.steps import waiting_steps
    from pipeline.aws.watch import watch
    from pipeline.command_line.step_table import display
    from pipeline.report.tracking.follower import Follower, aws_place

    follower = Follower(settings, aws_place(options))
    follower.begin(arn)
    with display(waiting_steps(definition)) as shown:
        outcome = watch(aws, arn, definition, shown.update)
    if outcome.status != "Executing":
        from pipeline.report.after_run import report_aws_run

        # Made while the endpoint comes into service.
        if written := report_aws_run(aws, arn, options.state, say=_say):
            from pipeline.run.told import read_told

            for line in read_told(written.report).lines():
                _say(line)
    follower.ended()
    look_again = f"python -m pipeline.run --watch {arn}"
    if outcome.status != "Succeeded":
        _say_tracked(follower)
        print(outcome.to_json() if options.json else outcome.summary(look_again))
        return outcome.exit_code
    from pipeline.run.on_aws import follow_endpoint

    served = follow_endpoint(aws, outcome, _say)
    _say_tracked(follower)
    print(served.to_json() if options.json else served.summary(look_again))
    return served.exit_code


def _say_tracked(follower: Any) -> None:
    if tracked := follower.conclude():
        _say(f"tracked: {tracked}")


def _report(options: argparse.Namespace, result: Any, is_last: bool) -> None:
    """Print a result; with --json only the last one goes to standard output."""
    if options.json and is_last:
        print(result.to_json())
    else:
        print(result.summary(), file=sys.stderr if options.json else sys.stdout)


def _say(line: str) -> None:
    print(line, file=sys.stderr)


_ACTIONS = {
    "stop": _stop,
    "retry": _retry,
    "local": _run_locally,
    "definition": _print_definition,
    "monitoring": _print_monitoring,
    "check": _check,
    "diff": _diff,
    "cost": _cost,
    "upsert": _upsert,
    "watch": _watch,
}


if __name__ == "__main__":
    sys.exit(run_command(main))
