"""Upload a data set, or review what a run found in one: python -m pipeline.data."""

import argparse
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.command_line.documents import json_text
from pipeline.command_line.running import (
    add_settings_options,
    add_state_option,
    overrides_of,
    parser,
    run_command,
    with_state,
)
from pipeline.command_line.subcommands import add_command
from pipeline.errors import EXIT_SUCCEEDED, UsageError
from pipeline.given import given_path
from pipeline.target import add_target_options
from pipeline.temporary import temporary_folder

if TYPE_CHECKING:
    from pipeline.data.destination import Transfer
    from pipeline.data.download import Opener
    from pipeline.data.files import DataSet
    from pipeline.data.progress import Progress
    from pipeline.settings.model import Settings
    from training_code.folders.layout import Choice

_EXAMPLES = """\
  python -m pipeline.data upload ~/pictures          a folder per class, or train/valid/test
  python -m pipeline.data upload pictures.zip        also .tar and .tar.gz, .bz2 or .xz
  python -m pipeline.data upload \\
      https://s3-us-west-1.amazonaws.com/udacity-aind/dog-project/dogImages.zip
  python -m pipeline.data upload ~/pictures --local  for runs on this machine
  python -m pipeline.data review                     wrong labels and copies, of the newest run
  python -m pipeline.data review hjb2ij4kg3ms --decisions dogs.csv --open"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and bring the data set to where a run reads it."""
    options = parse(arguments)
    if options.command == "review":
        return review(options)

    from pipeline.data.progress import Progress

    transfer = upload(options, Progress(sys.stderr))
    if options.json:
        print(json_text(transfer))
    else:
        print(_summary(transfer, options))
    return EXIT_SUCCEEDED


def upload(
    options: argparse.Namespace, progress: "Progress", opener: "Opener | None" = None
) -> "Transfer":
    """Fetch and unpack a data set if need be, then send what is missing. Raises PipelineError."""
    from pipeline.settings.loading import load_settings

    environment = options.env or ("local" if options.local else None)
    settings = load_settings(options.settings, environment, overrides_of(options))
    if options.local:
        from pipeline.data.destination import copy_here, uri_of
        from pipeline.local.store import Store

        store = Store(options.state)
        with _folder(options.source, options.state, progress, opener) as folder:
            data = _scan(folder, options, settings, progress)
            uri = uri_of(settings.bucket, data)
            return copy_here(store.path(uri), uri, data, progress)

    from pipeline.aws.clients import connect
    from pipeline.aws.upload import check_bucket
    from pipeline.data.destination import BucketDestination

    aws = connect(settings)
    check_bucket(aws, settings)  # before anything large is fetched
    destination = BucketDestination(aws.client("s3"), settings.bucket, aws.account_id)
    with _folder(options.source, options.state, progress, opener) as folder:
        return destination.upload(_scan(folder, options, settings, progress), progress)


def _scan(
    folder: Path, options: argparse.Namespace, settings: "Settings", progress: "Progress"
) -> "DataSet":
    """Read the folders, say what was read, and hash the files."""
    from pipeline.data.files import scan
    from pipeline.data.reading import DataError, asks_again, read_data

    again = asks_again(options.typed, options.source)

    def ask(choice: "Choice") -> str:
        if choice.folder and not Path(options.source).expanduser().is_dir():
            inner = Path(choice.folder).relative_to(folder)
            return f"unpack it, and give the folder {inner} in it"
        return again(choice)

    try:
        reading = read_data(folder, settings.data.layout, ask)
    except DataError as error:  # an archive's own folder is gone when this is read
        raise DataError(str(error).replace(str(folder), options.source)) from error
    for line in reading.lines():
        progress.say(line)
    return scan(reading, progress)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command's options."""
    options = parsers()[""].parse_args(arguments)
    typed = sys.argv[1:] if arguments is None else arguments
    options.typed = shlex.join(["python", "-m", "pipeline.data", *typed])
    return options


def parsers() -> Mapping[str, argparse.ArgumentParser]:
    """Make the command's parser."""
    about = "Brings a data set to where a run reads it, and shows what a run found in it."
    result = parser("pipeline.data", about, _EXAMPLES)
    commands = result.add_subparsers(dest="command", required=True, metavar="COMMAND")
    text = "a folder, zip, tar or https address into the project's bucket"
    command = add_command(commands, "upload", text, upload, _EXAMPLES)
    command.description = (
        "Brings a folder, zip, tar or https address into the project's bucket, under an address "
        "made from its contents. Only what is not there is sent; run it again to go on."
    )
    command.add_argument("source", metavar="SOURCE", help="folder, archive or https address")
    where = command.add_mutually_exclusive_group()
    where.add_argument("--local", action="store_true", help="for runs on this machine")
    where.add_argument("--aws", action="store_true", help="for runs on AWS (the default)")
    add_settings_options(command)
    add_state_option(command)
    _add_review(commands)
    return {"": result}


def _add_review(commands: Any) -> None:
    text = "labels that may be wrong, copies, and what is unlike all others"
    command = add_command(commands, "review", text, review, _EXAMPLES)
    command.description = (
        "Shows in one page which pictures of a run a person should see, and lists them in a CSV "
        "file: what is decided there, data.decisions applies. Decisions made are kept."
    )
    words = "id, ARN or newest (the default)"
    command.add_argument("wanted", nargs="?", default="newest", metavar="RUN", help=words)
    words = "the CSV file, made or brought up to date (default: decisions.csv)"
    default = Path("decisions.csv")
    command.add_argument(
        "--decisions", type=given_path, default=default, metavar="FILE", help=words
    )
    command.add_argument(
        "--out", type=given_path, metavar="DIR", help="of the page (default: the state)"
    )
    command.add_argument("--open", action="store_true", help="show the page in the browser")
    add_target_options(command)


def review(options: argparse.Namespace) -> int:
    """Show what a run found in its data that a person should see. Raises PipelineError."""
    from pipeline.report.places import open_place
    from pipeline.report.runs import find_run
    from pipeline.review.command import review_run

    out = options.out or options.state / "reviews"
    with open_place(options) as place:
        arn = find_run(place.source.sagemaker, place.pipelines, options.wanted)
        try:
            found = review_run(place.source, arn, options.decisions, out)
        except OSError as error:
            raise UsageError(f"the page cannot be written: {error}: see --out") from error
    print(json_text(found) if options.json else "\n".join(found.lines()))
    if options.open:
        import webbrowser

        webbrowser.open(found.page.resolve().as_uri())
    return EXIT_SUCCEEDED


@contextmanager
def _folder(
    source: str, state: Path, progress: "Progress", opener: "Opener | None"
) -> Iterator[Path]:
    """Yield the folder of pictures behind SOURCE; delete what was fetched once it is used."""
    if not source.strip():
        # As an unset variable of the shell leaves it; an empty path would mean this folder.
        raise UsageError(f"{source!r} names nothing: give a folder, an archive or an https address")
    if source.startswith("s3://"):
        raise UsageError(f"{source} is on S3 already: set data.uri to it, or DataUri for one run")
    if "://" in source:
        from pipeline.data.download import download

        archive = download(source, state / "downloads", progress, opener=opener)
        with _unpacked(archive, state, progress) as folder:
            yield folder
        # Not after a failure: the next attempt then needs no download.
        shutil.rmtree(archive.parent)
        return
    path = Path(source).expanduser()
    if path.is_dir():
        yield path
    elif path.is_file():
        with _unpacked(path, state, progress) as folder:
            yield folder
    else:
        raise UsageError(f"{source}: no such folder or archive, and no https address")


@contextmanager
def _unpacked(archive: Path, state: Path, progress: "Progress") -> Iterator[Path]:
    from pipeline.data.unpack import unpack

    state.mkdir(parents=True, exist_ok=True)
    with temporary_folder("unpacked", state) as folder:
        with progress.stage(f"unpacking {archive}", archive.stat().st_size) as advance:
            unpack(archive, folder, advance=advance)
        yield folder


def _summary(transfer: "Transfer", options: argparse.Namespace) -> str:
    from pipeline.data.progress import human_size

    counts = f"{transfer.sent} sent, {transfer.copied} copied, {transfer.present} were there"
    run = f"--local --data {transfer.uri}"
    if not options.local:
        run = f"--upsert --start --parameter DataUri={transfer.uri}"
    if options.env:
        run += f" --env {shlex.quote(options.env)}"
    run += "".join(f" --set {shlex.quote(text)}" for text in options.set)
    if options.region:
        run += f" --region {shlex.quote(options.region)}"
    command = f"python -m pipeline.run {run}"
    if options.local:
        command = with_state(command, options.state)
    return "\n".join(
        [
            f"{transfer.files} files, {human_size(transfer.bytes)}: {counts}",
            f"data    {transfer.uri}",
            f"next    {command}",
            "        or set data.uri in pipeline.yaml to it",
        ]
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
