"""Say what the pages ask of where they look: this machine, or an account on AWS."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pipeline.aws.log_parts import Asked
from pipeline.console.data_runs import RunChoice
from pipeline.console.deciding import Decision
from pipeline.console.logs import LogView
from pipeline.console.progress import Progress
from pipeline.console.run_list import RunRow
from pipeline.console.run_view import RunView
from pipeline.endpoint.overview import EndpointView
from pipeline.endpoint.production import Production
from pipeline.report.sources.facts import Facts
from pipeline.report.sources.source import Source
from pipeline.target import Target

if TYPE_CHECKING:
    from pipeline.comparing.chosen import Chosen
    from pipeline.console.prepared import Prepared
    from pipeline.endpoint.predictions import Invoke


@dataclass(frozen=True)
class RunPage:
    """One page of the list of runs: its number, the last one's, and what is to be known of it."""

    rows: list[RunRow]
    number: int = 1
    last: int = 1
    note: str = ""


class Place(Protocol):
    """Where a console looks and acts. It holds nothing that is not there as well.

    Reading raises UsageError for what is not there.
    """

    @property
    def is_here(self) -> bool:
        """Whether it is this machine: then runs can be started, and logs followed."""

    @property
    def name(self) -> str:
        """What it is called at the foot of every page."""

    def look_again(self) -> None:
        """Read anew from now on: something is about to be decided."""

    def run_page(self, number: int) -> RunPage:
        """Return that page of the runs, newest first, or the last one there is."""

    def run(self, run: str) -> RunView:
        """Read a run."""

    def stop(self, run: str) -> None:
        """Ask a run to stop. Raises UsageError for one that is not at work any more."""

    def retry(self, run: str) -> str:
        """Have a run go on where it failed or was stopped; return the page to follow it on.

        Raises UsageError for one that cannot.
        """

    def log(self, run: str, name: str, asked: Asked) -> LogView:
        """Read a part of the log of a step, or of a job of one as step/job."""

    def has_report(self, run: str) -> bool:
        """Whether the page of a run leads to its report."""

    def facts(self, run: str) -> Facts | str:
        """Return what is known of a run and its data, or why nothing is."""

    def data_runs(self) -> list[RunChoice]:
        """Return the newest runs whose data sets can be asked for."""

    def newest_data(self) -> str:
        """Return the newest run that has a data set; "" without."""

    def prepared(self, run: str) -> "Prepared":
        """Open the data set of a run. Raises Absent, and UsageError where there is no such run."""

    @property
    def source(self) -> Source:
        """Where the files of runs are read."""

    @property
    def target(self) -> Target:
        """The registry."""

    @property
    def listing(self) -> Target:
        """The registry, whose evaluations say nothing of single classes."""

    @property
    def rows(self) -> int:
        """How many versions a page of the registry has."""

    def groups(self) -> list[str]:
        """Return the names of the groups of versions, in alphabetical order."""

    def defaults(self) -> "Chosen | None":
        """Return what a run is made with that is told nothing; None where that is not known."""

    def production(self, group: str) -> Production | None:
        """Read what a group's endpoints run; None where nothing deploys it."""

    def progress(self, group: str) -> Progress:
        """Read where the endpoints of a group are now."""

    def decide(self, decision: Decision) -> None:
        """Decide about a version; production follows. Raises DecidedMeanwhileError."""

    def roll_back(self, endpoint: str, version: str) -> None:
        """Have an endpoint rolled back. Raises PipelineError for what is refused."""

    def service(self) -> str | None:
        """Return the address of the local service that runs; None without."""

    def endpoints(self) -> list[EndpointView]:
        """Return the endpoints, newest first."""

    def endpoint(self, name: str) -> EndpointView | None:
        """Return one endpoint; None where there is none of that name."""

    def asking(
        self, name: str, connections: int | None
    ) -> "AbstractContextManager[tuple[str, Invoke]]":
        """Open a way to ask an endpoint for so many threads; None: for one."""
