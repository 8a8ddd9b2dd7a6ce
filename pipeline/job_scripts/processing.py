"""Find the scripts that processing jobs run: a new file in training_code/ is all they need."""

from pathlib import Path

RUNNER, TRAIN = "run_script.py", "train.py"
_RUNS_BY_ITSELF = b'if __name__ == "__main__":'


def processing_scripts(folder: Path) -> tuple[str, ...]:
    """Name the files of `folder` that run by themselves, but for training and the runner."""
    return tuple(
        path.name
        for path in sorted(folder.glob("*.py"))
        if path.name not in (RUNNER, TRAIN) and _RUNS_BY_ITSELF in path.read_bytes()
    )
