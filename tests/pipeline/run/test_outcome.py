"""What a run made, read from what its steps left."""

import json

from pipeline.errors import PipelineError
from pipeline.local.engine.scheduler import ExecutionResult, StepResult
from pipeline.local.store import Store
from pipeline.run.outcome import read_outcome


def test_pictures_that_were_refused_are_told(store: Store) -> None:
    folder = store.path("s3://b/dataset")
    folder.mkdir(parents=True)
    counts = {"train": {"cat": 20, "dog": 21}, "valid": {"cat": 3, "dog": 2}}
    info = {
        "classes": ["cat", "dog"],
        "counts": counts,
        "refused": [{"file": "cat/1.gif", "reason": "no JPEG"}],
        "reading": ["no folder gives valid its classes: it is cut out of train"],
    }
    (folder / "dataset.json").write_text(json.dumps(info))
    output = {"OutputName": "dataset", "S3Output": {"S3Uri": "s3://b/dataset"}}
    prepare = StepResult("Succeeded", {"ProcessingOutputConfig": {"Outputs": [output]}})
    failure = PipelineError("step Train failed")
    steps = {"Prepare": prepare, "Train": StepResult("Failed", {})}
    outcome = read_outcome(ExecutionResult("e1", "arn:e1", "Failed", steps, failure), store)
    assert (outcome.pictures, outcome.refused, outcome.exit_code) == (46, 1, 1)
    assert outcome.summary().splitlines() == [
        "Failed: execution e1",
        "step Train failed",
        "  data           2 classes: cat, dog; train 41, valid 5",
        "                 no folder gives valid its classes: it is cut out of train",
        "  pictures       46 used, 1 refused: see the report",
        "next: mend what it says, then the same command again: the steps that finished come from "
        "the cache",
    ]
