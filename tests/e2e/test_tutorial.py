"""The tutorial's own lines about coats, in order, after the run that all of these tests share.

That run stands for the tutorial's first one: here coats has its project's name.
"""

import re
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, Finished
from tests.e2e.typed import in_a_shell, in_here

pytestmark = pytest.mark.xdist_group("e2e")
PROJECT = "dog-breeds"
# As the shared run was made, so that the first steps come from the cache; quick.
AS_BEFORE = (
    " --set preprocessing.resize=128 --set preprocessing.crop=112 --set tuning.max_jobs=2"
    " --set features.views=2 --parameter AccuracyThreshold=0.3"
)
# Each line, by a part of it: what is added to it, and what it has to print.
LINES = {
    "registry approve newest": ("", rf"^{PROJECT}-production: version 1 is in service"),
    "--set features.views=4": (AS_BEFORE, r"^ +registered +version 2, PendingManualApproval"),
    "registry compare 2 1": ("", r"^accuracy .*paired on \d+ pictures"),
    "registry approve 2": ("", rf"^{PROJECT}-production: version 2 is in service"),
    "endpoint predict ~/pictures": ("", r"answers\.csv: 160 pictures, 160 answered, 0 errors"),
    "endpoint rollback": ("", rf"^{PROJECT}-production.*\b1\b"),
}
FIRST_RUN = "python -m pipeline.run --local --data ~/pictures --set project=coats"


def lines_about_coats() -> list[str]:
    """The lines of the page's blocks, without the two ways to begin."""
    page = (ROOT / "docs/tutorial.md").read_text().partition("## Another task")[0]
    blocks = "".join(re.findall(r"^```\n(.*?)^```", page, re.M | re.S)).replace("\\\n", " ")
    lines = [
        " ".join(line.split()) for line in blocks.splitlines() if "~/" in line or "coats" in line
    ]
    assert lines[:2] == ["python -m pipeline.sample ~/pictures", FIRST_RUN]
    assert lines[2].startswith(FIRST_RUN) and "weights=imagenet" in lines[2]
    return lines[3:]


def test_the_first_hour_works_as_the_tutorial_says(
    finished: Finished, environment: dict[str, str], tmp_path: Path
) -> None:
    state = finished.copied(tmp_path / "state").state
    (tmp_path / "pictures").symlink_to(finished.data)
    own = {"PYTHONPATH": str(ROOT), "PIPELINE_STATE": str(state), "HOME": str(tmp_path)}
    for line, (part, (more, printed)) in zip(lines_about_coats(), LINES.items(), strict=True):
        assert part in line
        typed = line.replace("python", sys.executable, 1).replace("coats", PROJECT) + more
        do = in_a_shell if "pipeline.run" in typed else in_here
        done = do(typed, tmp_path, environment | own | {"COLUMNS": "200"})
        assert done.returncode == 0, f"{line}: {done.stderr}"
        assert re.search(printed, done.stdout, re.M), f"{line}: {done.stdout}{done.stderr}"
