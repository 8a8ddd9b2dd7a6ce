"""Look and act on this machine, by its state folder: as the commands do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.aws.log_parts import Asked
from pipeline.console.data_runs import RunChoice, prepared_runs
from pipeline.console.deciding import Decision, decide_here, roll_back_here
from pipeline.console.logs import LogPart, LogView, log_names, log_of, read_asked, read_since
from pipeline.console.place import RunPage
from pipeline.console.progress import Progress, production_of, progress_of
from pipeline.console.run_list import EXECUTION, STEP, list_rows, status_of
from pipeline.console.run_view import (
    RunView,
    find_execution,
    folder_of,
    read_facts,
    read_view,
    report_of,
)
from pipeline.console.short_evaluation import read_short
from pipeline.console.starting import start_run
from pipeline.endpoint.overview import EndpointView, read_endpoint, read_endpoints
from pipeline.endpoint.production import Production
from pipeline.errors import UsageError
from pipeline.local.database import FILE
from pipeline.local.engine.recovery import ask_to_stop
from pipeline.local.service.server import find_service
from pipeline.local.store import Store
from pipeline.report.sources.facts import EXTRACT_FEATURES, Facts
from pipeline.report.sources.local_source import LocalSource
from pipeline.target import Target, require_state

if TYPE_CHECKING:
    from pipeline.comparing.chosen import Chosen
    from pipeline.console.prepared import Prepared, PreparedSets
    from pipeline.endpoint.predictions import Invoke

_RUNS = 25  # on a page
_VERSIONS = 20  # on a page: each takes reading its evaluation


@dataclass(frozen=True)
class Here:
    """The place that is this machine: a state folder, and the settings of runs that start here."""

    state: Path
    settings: Path

    is_here = True
    rows = _VERSIONS

    @property
    def name(self) -> str:
        """The state folder."""
        return str(self.state)

    @property
    def has_state(self) -> bool:
        """Whether anything was ever run here; looking must not make a folder."""
        return (self.state / FILE).is_file()

    @property
    def store(self) -> Store:
        """The local state, one for all threads. Raises UsageError where there is none yet."""
        require_state(self.state)
        return self._store

    @cached_property
    def _store(self) -> Store:
        return Store(self.state)

    @property
    def source(self) -> LocalSource:
        """The files of runs, and SageMaker's API within this process."""
        require_state(self.state)
        return self._source

    @cached_property
    def _source(self) -> LocalSource:
        return LocalSource(self._store)  # a client takes long to make

    @property
    def target(self) -> Target:
        """The registry, within this process."""
        return Target(self.source.sagemaker, self.source.read)

    @property
    def listing(self) -> Target:
        """The registry, whose evaluations say nothing of single classes."""
        return Target(self.source.sagemaker, partial(read_short, self.store))

    def look_again(self) -> None:
        """Do nothing: every look reads the state."""

    def run_page(self, number: int) -> RunPage:
        """Return that page of the runs, newest first, or the last one there is."""
        if not self.has_state:
            return RunPage([])
        last = max(1, -(-self.store.count(EXECUTION) // _RUNS))
        shown = min(number, last)
        return RunPage(list_rows(self.store, _RUNS, _RUNS * (shown - 1)), shown, last)

    def run(self, run: str) -> RunView:
        """Read a run."""
        return read_view(self.store, run)

    def stop(self, run: str) -> None:
        """Ask a run to stop, as Ctrl-C does."""
        status, _ = status_of(self.store, find_execution(self.store, run))
        if not ask_to_stop(folder_of(self.store, run)):
            raise UsageError(f"run {run} is not at work any more: it is {status}")

    def retry(self, run: str) -> str:
        """Start a process that goes on with a run, as `--local --retry` does."""
        status = self.run(run).run.status
        if status not in ("Failed", "Stopped"):
            raise UsageError(f"run {run} is {status}: only what failed or was stopped can go on")
        where = (f"--settings={self.settings}", f"--state={self.state}")
        return f"/started/{start_run(self.state, ['--local', f'--retry={run}', *where])}"

    def log(self, run: str, name: str, asked: Asked) -> LogView:
        """Read a part of a log."""
        status, _ = status_of(self.store, find_execution(self.store, run))
        folder = folder_of(self.store, run)
        part, earlier, later = read_asked(log_of(folder, name), asked)
        others = tuple(log_names(folder))
        return LogView(name, status, part, others, earlier, later)

    def log_since(self, run: str, name: str, start: int) -> LogPart:
        """Read the whole lines that were written to a log since that place, a part at a time."""
        find_execution(self.store, run)
        return read_since(log_of(folder_of(self.store, run), name), start)

    def has_report(self, run: str) -> bool:
        """Whether the page of a run leads to its report."""
        return report_of(self.store, run) is not None

    def facts(self, run: str) -> Facts | str:
        """Return what is known of a run, or why nothing is."""
        execution = self.store.get(EXECUTION, run)
        if execution is None:
            return f"run {run} is not there any more"
        return read_facts(self.store, execution)

    def data_runs(self) -> list[RunChoice]:
        """Return those of the newest runs that have prepared a data set."""
        return list(prepared_runs(self.store)) if self.has_state else []

    def newest_data(self) -> str:
        """Return the newest run that has a data set; "" without."""
        return next((run.id for run in self.data_runs()), "")

    def prepared(self, run: str) -> "Prepared":
        """Open the data set of a run."""
        arn = str(find_execution(self.store, run)["PipelineExecutionArn"])
        compared = self.store.get(STEP, f"{run}/{EXTRACT_FEATURES}") or {}
        return self._sets.get(arn, str(compared.get("StepStatus", "")), self.source)

    @cached_property
    def _sets(self) -> "PreparedSets":
        from pipeline.console.prepared import PreparedSets

        return PreparedSets()

    def groups(self) -> list[str]:
        """Return the names of all groups, in alphabetical order."""
        if not self.has_state:
            return []
        pages = self.source.sagemaker.get_paginator("list_model_package_groups").paginate()
        groups = (group for page in pages for group in page["ModelPackageGroupSummaryList"])
        return sorted(str(group["ModelPackageGroupName"]) for group in groups)

    def defaults(self) -> "Chosen | None":
        """Return what a run is made with that is told nothing; None where that is not known."""
        there = self.settings.is_file()
        return _defaults(self.settings, self.settings.stat().st_mtime_ns if there else 0)

    def production(self, group: str) -> Production | None:
        """Read what a group's endpoints run; None where no run has set any up."""
        return production_of(self.store, self.target, group)

    def progress(self, group: str) -> Progress:
        """Read where the endpoints of a group are now."""
        return progress_of(self.store, self.target, group)

    def decide(self, decision: Decision) -> None:
        """Decide about a version; production follows in the background."""
        decide_here(self.store, self.target, decision)

    def roll_back(self, endpoint: str, version: str) -> None:
        """Roll an endpoint back, in the background."""
        roll_back_here(self.state, endpoint, version)

    def service(self) -> str | None:
        """Return the address of the local service that runs; None without."""
        found = find_service(self.state)
        return found.url if found else None

    def endpoints(self) -> list[EndpointView]:
        """Return the endpoints, newest first."""
        return read_endpoints(self.store, self.service()) if self.has_state else []

    def endpoint(self, name: str) -> EndpointView | None:
        """Return one endpoint; None where there is none of that name."""
        return read_endpoint(self.store, name, self.service())

    @contextmanager
    def asking(self, name: str, connections: int | None) -> Iterator[tuple[str, "Invoke"]]:
        """Open a way to ask an endpoint, as the command `predict` does."""
        from pipeline.endpoint.invoker import local_invoker
        from pipeline.target import readable_errors

        with (
            readable_errors(),
            local_invoker(self.target, name, self.state, connections) as found,
        ):
            yield found


@lru_cache(maxsize=2)
def _defaults(path: Path, _written: int) -> "Chosen | None":
    # What is heavy is loaded by who shows it, and not by every page.
    from pipeline.comparing.defaults import LOCAL_ENVIRONMENT, read_defaults

    return read_defaults(path, LOCAL_ENVIRONMENT)
