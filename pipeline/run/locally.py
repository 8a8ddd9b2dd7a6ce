"""Run the pipeline on this machine, from the settings to a served prediction."""

import json
import shlex
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from pipeline.addresses import path_of_file
from pipeline.assets.code_bundle import bundles_of, stage
from pipeline.assets.decisions import check_decisions, stage_decisions
from pipeline.assets.weights import check_file, stage_weights
from pipeline.command_line.running import ROOT, with_state
from pipeline.command_line.step_table import display
from pipeline.command_line.stopping import Stopped, StopRequest, handled, is_echo, reason_of
from pipeline.data.kept import made_once, unpacked_once
from pipeline.data.progress import Progress
from pipeline.data.reading import asks_again, read_data
from pipeline.definition.compile_cache import definition_text
from pipeline.errors import UsageError
from pipeline.git import git_commit
from pipeline.local.engine.executions import Place
from pipeline.local.engine.scheduler import ExecutionResult, RunOptions, run_definition
from pipeline.local.service.deployments.deployer import HANDLER, install_deployer
from pipeline.local.service.server import Service, running_service
from pipeline.local.staging import is_staged, stage_file, stage_large_file
from pipeline.local.store import Store
from pipeline.report.tracking.follower import Follower, local_place
from pipeline.report.tracking.package import require_when_asked
from pipeline.run.conclusion import conclude
from pipeline.run.outcome import LocalOutcome
from pipeline.run.profiling import Recorder
from pipeline.sample.pictures import write_sample
from pipeline.settings.lambda_environment import lambda_environment
from pipeline.settings.model import Settings

CHAMPION_HANDLER = ROOT / "lambda_code" / "find_champion.py"
_COMPILATIONS = 3  # a file may be saved while the definition is compiled


@dataclass(frozen=True)
class LocalRequest:
    """A run to make: `data` is a folder, an archive or an address, None for the sample.

    `command` is the command line that asks for it, for the report; `note` is said when it begins;
    `profile` has the outcome say where the time went.
    """

    settings: Settings
    state: Path
    data: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    command: str | None = None
    note: str | None = None
    profile: bool = False


def run_locally(request: LocalRequest) -> LocalOutcome:
    """Run the pipeline on this machine and ask the endpoint about one test picture.

    A signal to stop (Ctrl-C, SIGTERM, SIGHUP) ends its steps and, after the last one, the waiting
    for the endpoint. Raises UsageError for data, parameters or settings that cannot be used.
    """
    recorder = Recorder()
    if not request.profile:
        return _run(request, recorder)
    with recorder.recording():
        outcome = _run(request, recorder)
    return replace(outcome, profile=recorder.profile())


def _run(request: LocalRequest, recorder: Recorder) -> LocalOutcome:
    settings = request.settings
    require_when_asked(settings)
    store = Store(request.state)
    with recorder.part("read the data's folders"):
        given = _given(request, store)
        if request.note:
            print(request.note, file=sys.stderr, flush=True)
        _say_reading(request, store.path(given["DataUri"]))
    with recorder.part("compile and stage"):
        definition = compile_and_stage(settings, ROOT, store)
        install_deployer(store, settings)
    place = (settings.aws.region, settings.aws.account_id)
    follower = Follower(settings, local_place(store.root))
    with running_service(store, 0, *place) as service, cancel_on_signals() as cancel:
        result = _execute(
            settings,
            definition,
            given,
            store=store,
            service=service,
            cancel=cancel,
            began=follower.begin,
            recorder=recorder,
        )
        outcome = conclude(
            result,
            given["DataUri"],
            store,
            service.address,
            cancel=cancel,
            command=request.command,
            reported=follower.ended,
            part=recorder.part,
        )
    return replace(outcome, tracked=follower.conclude())


def _given(request: LocalRequest, store: Store) -> dict[str, str]:
    """Return the parameters that are given, always with DataUri."""
    given = dict(request.parameters)
    if request.data is not None:
        return {**given, "DataUri": data_uri(request.data, store.root)}
    if "DataUri" in given:
        return given
    return {**given, "DataUri": generated_sample(store.root).as_uri()}


def _execute(
    settings: Settings,
    definition: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    store: Store,
    service: Service,
    cancel: threading.Event,
    began: Callable[[str], None],
    recorder: Recorder,
) -> ExecutionResult:
    options = RunOptions(
        pipeline_name=settings.project,
        place=Place(settings.aws.region, settings.aws.account_id),
        lambda_handlers={
            settings.lambda_name: HANDLER,
            settings.champion_lambda_name: CHAMPION_HANDLER,
        },
        lambda_variables={settings.lambda_name: lambda_environment(settings, scales=False)},
        service=service.address,
        began=began,
    )
    with display([]) as shown:
        return run_definition(
            definition,
            {"GitCommit": git_commit(ROOT) or "unknown", **given},
            store,
            listener=recorder.hearing(shown.update),
            api=service.api,
            cancel=cancel,
            options=options,
        )


def _say_reading(request: LocalRequest, folder: Path) -> None:
    """Say which classes the folders hold, before anything is computed.

    Raises DataError for a folder that is no data set, DecisionsError for decisions that are not of
    its classes: Prepare would name a folder of its own.
    """
    if not folder.is_dir():  # Prepare says that nothing is there
        return
    ask = asks_again(request.command, request.data) if request.command and request.data else None
    reading = read_data(folder, request.settings.data.layout, ask)
    for line in reading.lines():
        print(f"data: {line}", file=sys.stderr, flush=True)
    check_decisions(request.settings, reading.classes)


def data_uri(data: str, state: Path) -> str:
    """Return a folder as a file:// address, one on S3 as it is. Raises UsageError, ArchiveError.

    An archive is unpacked below `state`.
    """
    if not data.removeprefix("file://").strip():
        # As an unset variable of the shell leaves it; an empty path would mean this folder.
        raise UsageError(f"--data {data!r} names no folder: give the one with a folder per class")
    if data.startswith("s3://"):
        return data
    if "://" in data and not data.startswith("file://"):
        upload = f"python -m pipeline.data upload {shlex.quote(data)} --local"
        way_out = with_state(upload, state)
        raise UsageError(f"--data {data} is not on this machine: {way_out}, and then what it says")
    is_address = data.startswith("file://")
    folder = path_of_file(data) if is_address else Path(data).expanduser().resolve()
    if not folder.exists():
        raise UsageError(f"--data {data}: no such folder: {folder}")
    if folder.is_file():
        folder = unpacked_once(folder, state, Progress(sys.stderr))
    if not folder.is_dir():
        raise UsageError(f"--data {data}: neither a folder with a folder per class nor an archive")
    return folder.as_uri()


def generated_sample(state: Path) -> Path:
    """Return the generated sample's folder. Raises PipelineError when it cannot be written."""
    return made_once(state / "sample", write_sample)


def compile_and_stage(settings: Settings, root: Path, store: Store) -> dict[str, Any]:
    """Compile the definition, and put code and weights where it says they are.

    Raises UsageError when the code in `root` goes on changing meanwhile, or weights on S3 are none
    of the backbone, StoreError when the state cannot be written.
    """
    weights = settings.backbone.weights
    if weights.startswith("s3://") and store.path(weights).is_file():
        check_file(settings.backbone.name, store.path(weights))
    for _ in range(_COMPILATIONS):
        text = definition_text(settings, root, store.root)
        bundles = bundles_of(settings, root).values()
        if all(bundle.uri in text for bundle in bundles):
            break
    else:
        raise UsageError(f"the code in {root} is being changed: run again when it is saved")
    for bundle in bundles:
        stage(bundle, partial(stage_file, store))
    for stage_file_of in (stage_weights, stage_decisions):
        stage_file_of(settings, partial(stage_large_file, store), partial(is_staged, store))
    definition: dict[str, Any] = json.loads(text)
    return definition


@contextmanager
def cancel_on_signals() -> Iterator[StopRequest]:
    """Yield an event that Ctrl-C, SIGTERM or SIGHUP sets; a second one interrupts at once."""
    cancel = StopRequest()
    heard: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        heard.append(number)
        if not cancel.is_set():
            cancel.ask(reason_of(number))
        elif not is_echo(number, heard[:-1]):
            raise Stopped(reason_of(number))

    with handled(stop):
        yield cancel
