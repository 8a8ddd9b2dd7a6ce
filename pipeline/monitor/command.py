"""Check an endpoint: fetch, compare, and write the page."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.monitor.documents import Monitored, read_monitored
from pipeline.monitor.fetching import bring_captured
from pipeline.monitor.job import Work, run_monitor
from pipeline.monitor.watched import find_watched
from pipeline.report.places import Place
from pipeline.temporary import temporary_folder

PAGE_FILE = "monitoring.html"
PICTURES = "unusual"  # the folder of the job's pictures


@dataclass(frozen=True)
class Asked:
    """What to check: the newest `pictures` of the last `days` of an endpoint.

    None is the only one that captures. `false_alarms` is how often it may be wrong, and the page
    goes below `out`.
    """

    endpoint: str | None
    pictures: int
    days: int
    false_alarms: float
    out: Path


def check(place: Place, asked: Asked, hear: Callable[[str], None]) -> Monitored:
    """Compare what an endpoint captured with what its model was made for; write the page.

    Raises PipelineError, and OSError when the page cannot be written.
    """
    from pipeline.monitor.page import write_page  # what draws pages is heavy

    watched = find_watched(place.source.sagemaker, asked.endpoint)
    archive = place.source.file(watched.model)
    folder = asked.out / watched.endpoint
    with temporary_folder("monitor") as root:
        work = Work(root / "work")
        work.make(archive)
        today = datetime.now(UTC).date()
        bring_captured(place, watched.captured, today, asked.days, work.captured)
        run_monitor(work, asked.pictures, asked.false_alarms, hear)
        shutil.rmtree(folder / PICTURES, ignore_errors=True)
        shutil.copytree(work.monitoring, folder, dirs_exist_ok=True)
    folder.chmod(0o700)  # strangers' pictures lie there
    found = read_monitored(folder, watched.endpoint, watched.model, folder / PAGE_FILE)
    write_page(found, folder)
    return found
