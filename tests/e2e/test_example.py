"""The tutorial's other task, end to end: its own lines, in order, on fewer pictures."""

import re
import sys
from pathlib import Path

from tests.e2e.conftest import ROOT
from tests.e2e.typed import in_a_shell

# Added to a line, to be quick; and what it has to print.
LINES = {
    "examples.cloth.draw": (" --per-class 20", r"^80 pictures in \.local/cloth: "),
    "pipeline.run": (
        " --set preprocessing.resize=128 --set preprocessing.crop=112 --set tuning.max_jobs=2"
        " --parameter AccuracyThreshold=0.3",
        r"^Succeeded: ",
    ),
    "registry show": ("", r"^git commit +[0-9a-f]{40}"),
    "endpoint predict": ("", r"^\.local/cloth/hole/0000\.png +[a-z-]+ +\d+\.\d\d%"),
}


def test_the_example_works_as_the_tutorial_says(
    environment: dict[str, str], tmp_path: Path
) -> None:
    page = (ROOT / "docs/tutorial.md").read_text()
    lines = [line for line in re.findall(r"^python -m .*", page, re.M) if "cloth" in line]
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    settings = {"PYTHONPATH": str(ROOT), "PIPELINE_STATE": str(tmp_path / "state")}
    assert len(lines) == len(LINES)
    for line, (name, (more, printed)) in zip(lines, LINES.items(), strict=True):
        assert name in line
        typed = line.replace("python", sys.executable, 1) + more
        done = in_a_shell(typed, tmp_path, environment | settings)
        assert done.returncode == 0, done.stderr
        assert re.search(printed, done.stdout + done.stderr, re.M), done.stdout + done.stderr
