"""Run the pipeline on this machine, from the settings to a served prediction."""

import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.addresses import path_of_file
from pipeline.assets.code_bundle import bundles_of, stage
from pipeline.assets.decisions import check_decisions, stage_decisions
from pipeline.assets.packages import packages_uri, stage_note
from pipeline.assets.weights import check_file, stage_weights
from pipeline.command_line.running import ROOT, with_state
from pipeline.command_line.step_table import display
from pipeline.data.kept import made_once, unpacked_once
from pipeline.data.progress import Progress
from pipeline.data.reading import asks_again, read_data
from pipeline.definition.compile_cache import definition_text
from pipeline.definition.parameters import Value
from pipeline.errors import UsageError
from pipeline.git import git_commit
from pipeline.local.engine.executions import Place
from pipeline.local.engine.scheduler import ExecutionResult, RunOptions, run_definition
from pipeline.local.service.deployments.deployer import HANDLER, install_deployer
from pipeline.local.service.executing.functions import Function, install_function
from pipeline.local.staging import is_staged, stage_file, stage_large_file
from pipeline.local.store import Store
from pipeline.report.sources.local_source import LocalSource
from pipeline.report.tracking.package import require_when_asked
from pipeline.run.beside_service import At, Begun, loading_report, run_beside_service
from pipeline.run.outcome import LocalOutcome
from pipeline.run.profiling import Recorder
from pipeline.run.selecting import FromStep, Selected, select
from pipeline.sample.pictures import write_sample
from pipeline.settings.lambda_environment import lambda_environment
from pipeline.settings.model import Settings

CHAMPION_HANDLER = ROOT / "lambda_code" / "find_champion.py"
_COMPILATIONS = 3  # a file may be saved while the definition is compiled


@dataclass(frozen=True)
class LocalRequest:
    """A run to make: `data` is a folder, an archive or an address, None for the sample.

    `first`: the step to begin at; then `data` None stands for the data of the run before.
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
    first: FromStep | None = None


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
        for note in filter(None, (request.note, not_emulated(settings))):
            say(note)
        if "DataUri" in given:
            _say_reading(request, store.path(str(given["DataUri"])))
    with recorder.part("compile and stage"):
        definition = compile_and_stage(settings, ROOT, store)
        selected = _selected(request, store, definition, given)
        install_deployer(store, settings)
        _install_functions(store, settings)
    parameters = {"GitCommit": git_commit(ROOT) or "unknown", **selected.parameters}
    place = Place(settings.aws.region, settings.aws.account_id)
    options = RunOptions(pipeline_name=settings.project, place=place, selection=selected.selection)
    what = Begun(settings, store, place, str(parameters["DataUri"]), request.command)

    def run(at: At) -> ExecutionResult:
        with display([]) as shown:
            listener = loading_report(recorder.hearing(shown.update))
            return run_definition(
                definition, parameters, store, listener=listener, **at.members(options)
            )

    return run_beside_service(what, run, recorder.part)


def _selected(
    request: LocalRequest, store: Store, definition: Mapping[str, Any], given: dict[str, Value]
) -> Selected:
    """Choose the steps to run, and their parameters, with DataUri among them."""
    if request.first is None:
        return Selected(None, given)
    pipelines = (request.settings.project,)
    found = select(LocalSource(store), pipelines, definition, request.first, given)
    for note in found.notes:
        say(note)
    if "DataUri" in found.parameters:
        return found
    sample = generated_sample(store.root).as_uri()
    return replace(found, parameters={**found.parameters, "DataUri": sample})


def not_emulated(settings: Settings) -> str | None:
    """Say which settings a run on this machine cannot follow; None where there are none."""
    sections = {"network": settings.network, "encryption": settings.encryption}
    asked = [name for name, one in sections.items() if one != type(one)()]
    if not asked:
        return None
    return f"{' and '.join(asked)}: for AWS; here jobs share this machine's network and disks"


def _given(request: LocalRequest, store: Store) -> dict[str, Value]:
    """Return the parameters that a run is given, the address of its data among them."""
    given: dict[str, Value] = dict(request.parameters)
    if request.data is not None:
        return {**given, "DataUri": data_uri(request.data, store.root)}
    if "DataUri" not in given and request.first is None:
        return {**given, "DataUri": generated_sample(store.root).as_uri()}
    return given


def say(line: str) -> None:
    """Print a line for people, beside the result."""
    print(line, file=sys.stderr, flush=True)


def _install_functions(store: Store, settings: Settings) -> None:
    """Keep the functions that steps call: also for runs that are started or retried otherwise."""
    deploys = Function(HANDLER, lambda_environment(settings, scales=False))
    install_function(store, settings.lambda_name, deploys)
    install_function(store, settings.champion_lambda_name, Function(CHAMPION_HANDLER, {}))


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
    if packages := packages_uri(settings, root):
        stage_note(packages, partial(stage_file, store))
    definition: dict[str, Any] = json.loads(text)
    return definition
