"""Read the data sets of an account's runs: their descriptions and indexes, and single pictures.

No data set is downloaded: a picture is a part of the file that Prepare has written.
"""

from pipeline.aws.steps import ENDED
from pipeline.console.account_runs import AccountRuns
from pipeline.console.data_runs import RUNS, RunChoice
from pipeline.console.prepared import Prepared, PreparedSets
from pipeline.console.run_list import RUNNING
from pipeline.report.sources.facts import EXTRACT_FEATURES, PREPARE

_LOOKED_AT = 10  # runs, for the newest that has a data set: each takes a request
_KEPT = 1000


class AccountData:
    """The data sets of the runs of a pipeline in an account."""

    def __init__(self, runs: AccountRuns) -> None:
        self._runs = runs
        self._sets = PreparedSets()
        self._ended: dict[str, str] = {}

    def choices(self) -> list[RunChoice]:
        """Return the newest runs: whether one has a data set is not asked of each."""
        return [RunChoice(run.id, run.started) for run in self._runs.newest(RUNS) or ()]

    def newest(self) -> str:
        """Return the newest run that has a data set, of a few; "" without."""
        found = (run.id for run in self._runs.newest(_LOOKED_AT) or ())
        return next(filter(self._has_data, found), "")

    def prepared(self, run: str) -> Prepared:
        """Open the data set of a run. Raises Absent, and UsageError for no such run."""
        state = self._ended[run] if run in self._ended else self._compared(run)
        return self._sets.get(self._runs.arn_of(run), state, self._runs.source)

    def _has_data(self, run: str) -> bool:
        facts = self._runs.facts(run, ())
        return facts.summaries.get(PREPARE, {}).get("StepStatus") == "Succeeded"

    def _compared(self, run: str) -> str:
        """Return the state of the step that compares the pictures; ask no more once it is over."""
        facts = self._runs.facts(run, ())
        state = str(facts.summaries.get(EXTRACT_FEATURES, {}).get("StepStatus", ""))
        is_over = state in ENDED or facts.execution["PipelineExecutionStatus"] not in RUNNING
        if is_over and len(self._ended) < _KEPT:
            self._ended[run] = state
        return state
