"""Serve a model; ask, measure, list, roll back, delete endpoints: python -m pipeline.endpoint."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from inference_code.picture_formats import listed
from pipeline.command_line.documents import json_text
from pipeline.command_line.running import add_state_option, parser, run_command, with_state
from pipeline.command_line.subcommands import add_command, port_number, positive_number, print_table
from pipeline.endpoint.tables import bench_table, prediction_table, status_table
from pipeline.errors import EXIT_FAILED, EXIT_SUCCEEDED, UsageError
from pipeline.given import given_path
from pipeline.target import (
    Target,
    add_target_options,
    open_target,
    require_state,
    settings_of,
)

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from pipeline.data.progress import Advance
    from pipeline.endpoint.predictions import Invoke

_EXAMPLES = """\
  python -m pipeline.endpoint serve
  python -m pipeline.endpoint serve --port 9000 --model 3
  python -m pipeline.endpoint serve --model model.tar.gz
  python -m pipeline.endpoint predict dog.jpg
  python -m pipeline.endpoint predict *.jpg --top 3 --json
  python -m pipeline.endpoint predict *.jpg --save grid.png
  python -m pipeline.endpoint predict dog.jpg --explain heat.png
  python -m pipeline.endpoint predict ~/pictures --csv answers.csv
  python -m pipeline.endpoint bench *.jpg --concurrency 1,2,4 --seconds 10
  python -m pipeline.endpoint status
  eval "$(python -m pipeline.endpoint credentials)"
  python -m pipeline.endpoint rollback
  python -m pipeline.endpoint rollback dog-breeds-production --to 2
  python -m pipeline.endpoint rollback --aws --env production
  python -m pipeline.endpoint delete dog-breeds-staging"""
_PORT = 8080
_MOST_ASKERS = 256
_AT_ONCE = 4
_MANY = 20  # pictures, of which progress is shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and run its subcommand."""
    options = parsers()[""].parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


def parsers() -> Mapping[str, argparse.ArgumentParser]:
    """Make the command's parser."""
    result = parser("pipeline.endpoint", "Serves models and asks endpoints.", _EXAMPLES)
    commands = result.add_subparsers(required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_predict(commands)
    _add_bench(commands)
    text = "the endpoints: what they run, and whether they answer"
    status = add_command(commands, "status", text, _status, _EXAMPLES)
    add_target_options(status)
    text = "what lets boto3 and the AWS CLI ask the service that runs here"
    credentials = add_command(commands, "credentials", text, _credentials, _EXAMPLES)
    add_state_option(credentials)
    _add_rollback(commands)
    delete = add_command(commands, "delete", "delete an endpoint", _delete, _EXAMPLES)
    delete.add_argument("name", metavar="NAME")
    add_target_options(delete)
    return {"": result}


def _add_serve(commands: Any) -> None:
    text = "serve a model, and SageMaker's API, until Ctrl-C"
    serve = add_command(commands, "serve", text, _serve, _EXAMPLES)
    serve.add_argument(
        "--port",
        type=port_number,
        default=_PORT,
        metavar="N",
        help=f"default {_PORT}, 0: any",
    )
    serve.add_argument(
        "--model",
        metavar="MODEL",
        help="a registered version, `newest`, an ARN, or a model.tar.gz (default: what production "
        "runs, else the newest approved version, else the newest)",
    )
    serve.add_argument("--group", metavar="NAME", help="default: the only group there is")
    add_state_option(serve)


def _add_predict(commands: Any) -> None:
    text = "ask an endpoint what is on pictures"
    ask = add_command(commands, "predict", text, _predict, _EXAMPLES)
    ask.add_argument(
        "files", nargs="+", metavar="FILE", help=f"{listed()}; with --csv also folders of them"
    )
    ask.add_argument(
        "--top", type=positive_number, default=5, metavar="N", help="classes (default: 5)"
    )
    ask.add_argument(
        "--save",
        type=given_path,
        metavar="FILE",
        help="draw the pictures with their answers (.png)",
    )
    ask.add_argument(
        "--explain",
        type=given_path,
        metavar="FILE",
        help="as --save, and where the answers look; name training pictures that look alike",
    )
    ask.add_argument(
        "--csv",
        type=given_path,
        metavar="FILE",
        help="add a row a picture to this file; of one that is there, ask about the rest only",
    )
    ask.add_argument(
        "--at-once",
        type=positive_number,
        default=_AT_ONCE,
        metavar="N",
        help=f"with --csv: requests at a time (default: {_AT_ONCE})",
    )
    ask.add_argument("--endpoint", metavar="NAME", help="default: the only endpoint there is")
    add_target_options(ask)


def _add_bench(commands: Any) -> None:
    text = "measure an endpoint: times and answers a second"
    bench = add_command(commands, "bench", text, _bench, _EXAMPLES)
    bench.add_argument("files", nargs="+", metavar="FILE", help=f"{listed()}, asked in turn")
    bench.add_argument(
        "--concurrency",
        type=_levels,
        default=(1, 2, 4, 8),
        metavar="N,N,…",
        help="requests at a time (default: 1,2,4,8)",
    )
    bench.add_argument(
        "--seconds", type=positive_number, default=5, metavar="N", help="for each (default: 5)"
    )
    bench.add_argument("--endpoint", metavar="NAME", help="default: the only endpoint there is")
    add_target_options(bench)


def _levels(text: str) -> tuple[int, ...]:
    levels = tuple(positive_number(part) for part in text.split(","))
    if max(levels) > _MOST_ASKERS:
        raise argparse.ArgumentTypeError(f"{max(levels)} is more than {_MOST_ASKERS}")
    return levels


def _add_rollback(commands: Any) -> None:
    text = "bring an endpoint back to an earlier version"
    command = add_command(commands, "rollback", text, _rollback, _EXAMPLES)
    command.add_argument("name", nargs="?", metavar="NAME", help="default: the production endpoint")
    command.add_argument(
        "--to", type=positive_number, metavar="VERSION", help="default: the version before"
    )
    add_target_options(command)


def _serve(options: argparse.Namespace) -> int:
    from pipeline.endpoint.serve import serve_model

    serve_model(options.state, options.port, options.model, options.group, options.json)
    return EXIT_SUCCEEDED


def _predict_into_csv(options: argparse.Namespace) -> int:
    from pipeline.endpoint.batch.command import BatchRequest, pictures_of, predict_into_csv

    if options.save or options.explain:
        own = "--save draws" if options.save else "--explain draws"
        raise UsageError(f"{own} a few pictures, --csv is for many: give one of them")
    request = BatchRequest(tuple(options.files), options.csv, options.top, options.at_once)
    found = pictures_of(request)
    with (
        open_target(options) as target,
        _invoker(options, target, options.at_once) as (name, invoke),
    ):
        outcome = predict_into_csv(request, target, name, invoke, found)
    print(outcome.to_json() if options.json else outcome.summary())
    return EXIT_FAILED if outcome.errors else EXIT_SUCCEEDED


def _predict(options: argparse.Namespace) -> int:
    if options.csv:
        return _predict_into_csv(options)
    from pipeline.endpoint.documents import Predicted
    from pipeline.endpoint.prediction_grid import check_grid, write_grid
    from pipeline.endpoint.predictions import predict, read_pictures

    if options.save and options.explain:
        raise UsageError("--explain draws what --save does, and more: give one of them")
    option, drawing = (
        ("--explain", options.explain) if options.explain else ("--save", options.save)
    )
    pictures = read_pictures(options.files)
    if drawing:
        check_grid(drawing, len(pictures), option)
    results = []
    with (
        open_target(options) as target,
        _invoker(options, target) as (name, invoke),
        _asking(len(pictures)) as advance,
    ):
        for file, data in pictures.items():
            explain = options.explain is not None
            results.append(predict(invoke, file, data, options.top, explain=explain))
            advance(1)
    if drawing:
        write_grid(drawing, results, pictures)
    if options.json:
        answers = tuple(result.reported() for result in results)
        print(json_text(Predicted(name, answers, drawing)))
    else:
        print_table(prediction_table(results))
        if drawing:
            print(f"saved {drawing}")
    return EXIT_FAILED if any(result.error for result in results) else EXIT_SUCCEEDED


@contextmanager
def _asking(pictures: int) -> "Iterator[Advance]":
    """Show how far the asking is; of a few pictures there is nothing to show."""
    from pipeline.data.progress import PICTURES, Progress

    if pictures < _MANY:
        yield lambda _count: None
        return
    with Progress(sys.stderr).stage("asking", pictures, PICTURES) as advance:
        yield advance


def _bench(options: argparse.Namespace) -> int:
    from pipeline.data.progress import LEVELS, Progress
    from pipeline.endpoint.bench import measure
    from pipeline.endpoint.documents import Benched
    from pipeline.endpoint.predictions import content_type, read_pictures

    named = read_pictures(options.files).items()
    pictures = [(data, content_type(file, data)) for file, data in named]
    most = max(options.concurrency)
    with (
        open_target(options) as target,
        _invoker(options, target, most) as (name, invoke),
        Progress(sys.stderr).stage("measuring", len(options.concurrency), LEVELS) as advance,
    ):
        levels = measure(
            invoke, pictures, options.concurrency, options.seconds, lambda _: advance(1)
        )
    if options.json:
        print(json_text(Benched(name, tuple(levels))))
    else:
        print_table(bench_table(levels))
    return EXIT_FAILED if any(level.failed for level in levels) else EXIT_SUCCEEDED


def _invoker(
    options: argparse.Namespace, target: Target, connections: int | None = None
) -> "AbstractContextManager[tuple[str, Invoke]]":
    from pipeline.endpoint.invoker import aws_invoker, local_invoker

    if options.aws:
        return aws_invoker(target, options.endpoint, connections)
    return local_invoker(target, options.endpoint, options.state, connections)


def _status(options: argparse.Namespace) -> int:
    from pipeline.endpoint.documents import Endpoints, EndpointState
    from pipeline.endpoint.status import aws_status, local_status

    url = None
    with open_target(options) as target:
        if options.aws:
            rows = aws_status(target)
        else:
            rows, url = local_status(target, options.state)
    if options.json:
        states = tuple(EndpointState(**row) for row in rows)
        print(json_text(Endpoints(states, url)))
        return EXIT_SUCCEEDED
    if rows:
        print_table(status_table(rows))
    else:
        print(f"no endpoints yet: {target.first_run} deploys one")
    if not options.aws:
        serve = with_state("python -m pipeline.endpoint serve", options.state)
        idle = f"not running (start it with: {serve})"
        print(f"local service: {url or idle}")
    return EXIT_SUCCEEDED


def _credentials(options: argparse.Namespace) -> int:
    from pipeline.endpoint.credentials import print_credentials

    print_credentials(options.state, options.json)
    return EXIT_SUCCEEDED


def _rollback(options: argparse.Namespace) -> int:
    version = str(options.to) if options.to else None
    if options.aws:
        return _rollback_on_aws(options, version)
    from pipeline.local.service.following import roll_back

    require_state(options.state)
    answer, deployed = roll_back(options.state, options.name, version)
    _print_rollback(options, answer)
    if not options.json:
        print(deployed.summary())
    deployed.raise_problems()
    return EXIT_SUCCEEDED


def _rollback_on_aws(options: argparse.Namespace, version: str | None) -> int:
    from pipeline.aws.clients import connect
    from pipeline.aws.rollback import roll_back

    settings = settings_of(options)
    name = options.name or settings.production_endpoint_name
    answer = roll_back(connect(settings), settings.lambda_name, name, version)
    _print_rollback(options, answer)
    if not options.json and answer["action"] != "unchanged":
        print("it takes a while: python -m pipeline.endpoint status --aws")
    return EXIT_SUCCEEDED


def _print_rollback(options: argparse.Namespace, answer: dict[str, Any]) -> None:
    if options.json:
        print(json_text(answer))
        return
    later = " as soon as its update is over" if answer["action"] == "waiting" else ""
    print(f"{answer['endpoint_name']}: {answer['reason']}{later}")


def _delete(options: argparse.Namespace) -> int:
    from pipeline.endpoint.documents import Deleted
    from pipeline.endpoint.invoker import delete_endpoint

    with open_target(options) as target:
        delete_endpoint(target, options.name)
    done = Deleted(options.name)
    print(json_text(done) if options.json else f"deleted {done.deleted}")
    return EXIT_SUCCEEDED


if __name__ == "__main__":
    sys.exit(run_command(main))
