"""Look and act in an account on AWS, with the credentials of whoever started the console.

Answers are remembered for a few seconds: a page of many parts is few requests, and one that was
loaded again is hardly any. What is decided is decided on what is read just before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.aws.clients import Aws
from pipeline.aws.endpoint_metrics import read_hour, read_hours
from pipeline.aws.log_parts import Asked
from pipeline.aws.remembering import Memory
from pipeline.aws.rollback import roll_back
from pipeline.aws.timing import Timing
from pipeline.comparing.defaults import chosen_of
from pipeline.console.account_data import AccountData
from pipeline.console.account_runs import ROWS, AccountRuns
from pipeline.console.data_runs import RunChoice
from pipeline.console.deciding import Decision
from pipeline.console.logs import LogView
from pipeline.console.place import RunPage
from pipeline.console.prepared import Prepared
from pipeline.console.progress import Progress
from pipeline.console.run_view import RunView
from pipeline.console.short_evaluation import shortened
from pipeline.endpoint.overview import EndpointView, describe_endpoint, describe_endpoints
from pipeline.endpoint.production import Names, Production, read_production
from pipeline.errors import UsageError
from pipeline.registry.decisions import check_undecided, decide
from pipeline.report.sources.aws_source import AwsSource
from pipeline.report.sources.facts import PREPARE, Facts
from pipeline.settings.model import Settings
from pipeline.target import Target

if TYPE_CHECKING:
    from pipeline.comparing.chosen import Chosen
    from pipeline.endpoint.predictions import Invoke

_ENDPOINTS = 20
_EVALUATIONS = 1000  # without what they say of single classes
_FILES = 4  # whole: the evaluations and predictions of two versions, as a comparison reads them
_LARGEST = (
    64 * 1024**2
)  # bytes of a file that is read whole: an index of a million pictures has less
_GROUPS = "ModelPackageGroupSummaryList"
_REMEMBERED = ("sagemaker", "logs", "cloudwatch")


class Account:
    """The account, region and group of some settings. Files of runs never change."""

    is_here = False
    rows = ROWS

    def __init__(
        self, aws: Aws, settings: Settings, scratch: Path, timing: Timing | None = None
    ) -> None:
        self._aws = aws
        self._settings = settings
        self._timing = timing = timing or Timing()
        self._memory = Memory(timing.seconds)
        for service in _REMEMBERED:
            self._memory.watch(aws.client(service))
        self.source = AwsSource(aws, scratch, largest_read=_LARGEST)
        read = self.source.read
        short = lru_cache(_EVALUATIONS)(lambda uri: shortened(read(uri)))
        self.target = Target(aws.client("sagemaker"), lru_cache(_FILES)(read), aws.region)
        self.listing = Target(aws.client("sagemaker"), short, aws.region)
        self._runs = runs = AccountRuns(
            aws, self.source, short, settings.project, self._executions(), timing
        )

        self._data = AccountData(runs)

    @property
    def name(self) -> str:
        """The account, its region and the project."""
        return f"AWS {self._aws.account_id}, {self._aws.region}: {self._settings.project}"

    def look_again(self) -> None:
        """Ask anew from now on."""
        self._memory.forget()

    def run_page(self, number: int) -> RunPage:
        """Return that page of the runs of the settings' pipeline, or the last one there is."""
        return self._runs.page(number)

    def run(self, run: str) -> RunView:
        """Read a run."""
        return self._runs.view(run)

    def stop(self, run: str) -> None:
        """Stop a run, whoever started it."""
        self.look_again()
        self._runs.stop(run)

    def retry(self, run: str) -> str:
        """Have a run go on, whoever started it."""
        self.look_again()
        self._runs.retry(run)
        return f"/runs/{run}"

    def log(self, run: str, name: str, asked: Asked) -> LogView:
        """Read a part of a log from CloudWatch Logs."""
        return self._runs.log(run, name, asked)

    def has_report(self, _run: str) -> bool:
        """Return False: `python -m pipeline.report RUN --aws` makes it."""
        return False

    def facts(self, run: str) -> Facts | str:
        """Return what is known of a run and its data, or why nothing is."""
        try:
            return self._runs.facts(run, (PREPARE,))
        except UsageError:
            return f"run {run} is not there any more"

    def data_runs(self) -> list[RunChoice]:
        """Return the newest runs: which of them have a data set is not asked."""
        return self._data.choices()

    def newest_data(self) -> str:
        """Return the newest run that has a data set, of a few; "" without."""
        return self._data.newest()

    def prepared(self, run: str) -> Prepared:
        """Open the data set of a run."""
        return self._data.prepared(run)

    def groups(self) -> list[str]:
        """Return the settings' group, where it is there: of others nobody here knows who deploys.

        Another is that of other settings: --env, --set.
        """
        pages = self.target.sagemaker.get_paginator("list_model_package_groups").paginate()
        there = [one["ModelPackageGroupName"] for p in pages for one in p[_GROUPS]]
        return [name for name in there if name == self._settings.model_package_group]

    def defaults(self) -> "Chosen":
        """Return what a run with the settings is made with."""
        return chosen_of(self._settings)

    def production(self, group: str) -> Production:
        """Read what a group's endpoints run. Raises UsageError for a group of other settings."""
        settings = self._settings
        if group != settings.model_package_group:
            raise UsageError(
                f"these settings deploy {settings.model_package_group}, and nobody here knows who "
                f"deploys {group}: start the console with the settings of its project"
            )
        names = Names(group, settings.production_endpoint_name, settings.endpoint_name)
        return read_production(self.target, names)

    def progress(self, group: str) -> Progress:
        """Read where the endpoints of a group are now; what waits only AWS knows."""
        return Progress(self.production(group), 0, ())

    def decide(self, decision: Decision) -> None:
        """Decide about a version; EventBridge tells the function that deploys.

        SageMaker has no "only if": of two who decide in the same moment, the later one counts.
        """
        self.look_again()
        check_undecided(self.target, decision.version.arn, decision.seen)
        decide(self.target, decision.version.arn, decision.status, decision.reason)

    def roll_back(self, endpoint: str, version: str) -> None:
        """Have the function that deploys roll an endpoint back."""
        try:
            roll_back(self._aws, self._settings.lambda_name, endpoint, version)
        finally:
            self.look_again()

    def service(self) -> None:
        """Return None: there is no local service."""

    def endpoints(self) -> list[EndpointView]:
        """Return the newest endpoints of the region."""
        found = describe_endpoints(self.target, _ENDPOINTS)
        names = {one.name: [variant.name for variant in one.variants] for one in found}
        hours = read_hours(self._aws, names, self._timing.now()) if names else {}
        return [replace(one, hour=hours[one.name]) for one in found]

    def endpoint(self, name: str) -> EndpointView | None:
        """Return one endpoint; None where there is none of that name."""
        found = describe_endpoint(self.target, name)
        if found is None:
            return None
        variants = [variant.name for variant in found.variants]
        return replace(found, hour=read_hour(self._aws, name, variants, self._timing.now()))

    @contextmanager
    def asking(self, name: str, connections: int | None) -> Iterator[tuple[str, "Invoke"]]:
        """Open a way to ask an endpoint, as the command `predict --aws` does."""
        from pipeline.endpoint.invoker import asking

        if connections:
            raise UsageError("measure endpoints on AWS by: python -m pipeline.endpoint bench --aws")
        yield name, asking(self._aws.client("sagemaker-runtime"), name)

    def _executions(self) -> str:
        settings = self._settings
        place = f"arn:{settings.partition}:sagemaker:{self._aws.region}:{self._aws.account_id}"
        return f"{place}:pipeline/{settings.project}/execution/"
