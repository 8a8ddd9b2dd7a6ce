"""A small real run with everything that a report reads: scripts of a few lines, without torch."""

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.model_quality import multiclass_metrics, outcomes_of
from pipeline.local.engine.scheduler import ExecutionResult
from pipeline.local.store import Store
from tests.pipeline.local.runner_support import OUTPUT, Json, Lab

HEAT = b"\x89PNG\r\n\x1a\n"
CLASSES = ["beagle", "boxer", "<pug>"]
SIDE = 16
SCORES = {"0.1": 0.5, "0.2": 0.75, "0.3": 0.25, "0.4": 0.5}
# Of eight pictures, two are mistaken; of the two, number 5 is the surer.
ACTUAL = [0, 0, 0, 1, 1, 1, 2, 2]
CHANCES = [
    [0.9, 0.05, 0.05],
    [0.8, 0.1, 0.1],
    [0.3, 0.6, 0.1],
    [0.1, 0.8, 0.1],
    [0.2, 0.7, 0.1],
    [0.1, 0.0, 0.9],
    [0.1, 0.1, 0.8],
    [0.0, 0.1, 0.9],
]
FILES = [f"{CLASSES[label]}/{number}.jpg" for number, label in enumerate(ACTUAL)]
HISTORY = """epoch,train_loss,train_accuracy,valid_loss,valid_accuracy
1,1.5,0.25,1.25,0.5
2,0.5,0.75,0.75,0.875
3,0.25,1.0,0.5,0.875
"""
RULES = {
    "rules": [
        {"name": "Overfit", "status": "NoIssuesFound", "step": None, "tensor": None,
         "message": "no issues in 3 saved steps", "parameters": {"patience": 10}},
        {"name": "DeadRelu", "status": "IssuesFound", "step": 20, "tensor": "relu_0",
         "message": "relu_0 is dead at step 20", "parameters": {}},
    ],
    "stopped_by": None,
}  # fmt: skip
PROFILE = {
    "phases": [
        {"name": "head", "steps": 9, "seconds": {"data": 1.0, "forward": 2.0},
         "step_seconds": {"p50": 0.25, "p95": 0.5, "p99": 0.5, "max": 1.0}},
    ],
    "system": {"interval_s": 0.5, "cpu_percent": {"mean": 50.0, "p95": 99.0, "max": 100.0},
               "gpu": None},
    "findings": [
        {"rule": "DataLoaderBottleneck", "severity": "warning", "numbers": {"share": 0.5},
         "message": "half of the time", "advice": "more workers"},
    ],
    "overhead_seconds": 0.01,
}  # fmt: skip
SUMMARY = {
    "layers": [
        {"name": "head", "type": "Linear", "output_shape": [3], "parameters": 15,
         "multiply_adds": 12},
    ],
    "totals": {"parameters": 15, "trained_parameters": 15, "multiply_adds": 12},
}  # fmt: skip
DESCRIPTION = {
    "backbone": "resnet18",
    "classes": CLASSES,
    "preprocessing": {"crop": 12},
    "weights_sha256": None,
    "versions": {"torch": "2.6.0"},
}
DATASET = {
    "classes": CLASSES,
    "counts": {
        "train": dict.fromkeys(CLASSES, 4),
        "test": dict(zip(CLASSES, (3, 3, 2), strict=True)),
    },
    "fingerprint": "f" * 64,
    "resize": SIDE,
    "split_source": "folders",
    "refused": [{"file": "beagle/x.jpg", "reason": "not a picture"}],
    "ignored": [{"name": "venv/", "reason": "no picture in it"}],
    "reading": ["no folder gives valid its classes: it is cut out of train"],
    "duplicates": [{"files": ["a", "b"], "splits": ["test", "train"], "classes": ["beagle"]}],
    "same_pixels": [{"files": ["c", "d"], "splits": ["train"], "classes": ["beagle"]}],
    "notes": [{"note": "transparent: shown on white", "count": 3, "files": ["beagle/1.png"]}],
}
_WRITE = """
import base64, json, os, sys
from pathlib import Path
folder = Path({folder})
for name, content in json.loads({files!r}).items():
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(base64.b64decode(content))
"""
_TRIAL = """
rate = sys.argv[sys.argv.index("--rate") + 1]
print("score=" + str({scores!r}[rate]))
"""


@dataclass(frozen=True)
class Finished:
    """A run that has ended, and the store that knows it."""

    store: Store
    result: ExecutionResult

    @property
    def arn(self) -> str:
        return self.result.execution_arn


def pictures() -> np.ndarray:  # type: ignore[type-arg]
    """(8, 3, 16, 16): each picture of one grey of its own."""
    grey = np.arange(len(ACTUAL), dtype=np.uint8) * 30
    return np.broadcast_to(grey[:, None, None, None], (len(ACTUAL), 3, SIDE, SIDE)).copy()


def evaluation() -> Json:
    """What Evaluate writes about CHANCES, by the project's own measuring."""
    outcomes = outcomes_of(np.array(ACTUAL), np.array(CHANCES, dtype=np.float32))
    return {
        "dataset": {"item_count": len(ACTUAL)},
        "data_fingerprint": DATASET["fingerprint"],
        "multiclass_classification_metrics": multiclass_metrics(outcomes, CLASSES),
        "champion": {"summary": "dogs/1 is 2 points worse"},
    }


def predictions() -> str:
    """predictions.jsonl for CHANCES."""
    rows = [
        {
            "file": file,
            "label": CLASSES[label],
            "prediction": CLASSES[int(np.argmax(chances))],
            "probabilities": chances,
        }
        for file, label, chances in zip(FILES, ACTUAL, CHANCES, strict=True)
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


def explanations() -> str:
    """explanations.jsonl of the surest mistake: a map of one pixel, and the first picture."""
    example = {"file": FILES[0], "sha256": "ab" * 32, "label": "beagle", "similarity": 0.93}
    heat = base64.b64encode(HEAT).decode()
    return json.dumps({"file": FILES[5], "heat": heat, "looks_like": [example]}) + "\n"


def definition_of(lab: Lab, train: str = "", parameters: Json | None = None) -> Json:
    """Prepare, Tune, Train and Evaluate; `train` is what Train's script does at its end."""
    prepared = {"dataset/dataset.json": json.dumps(DATASET), "test/test.images.npy": _npy()}
    prepared["test/test.files.json"] = json.dumps(FILES)
    prepared |= {"dataset/train.files.json": json.dumps(FILES), "dataset/train.images.npy": _npy()}
    evaluated = {"evaluation.json": json.dumps(evaluation()), "predictions.jsonl": predictions()}
    evaluated["explanations.jsonl"] = explanations()
    trained = {
        "history.csv": HISTORY,
        "model_summary.json": json.dumps(SUMMARY),
        "profile/profile.json": json.dumps(PROFILE),
        "profile/system.csv": "seconds,cpu_percent\n0.0,50\n0.5,100\n",
        "debug/rules.json": json.dumps(RULES),
    }
    output = _writing('os.environ["SM_OUTPUT_DATA_DIR"]', trained)
    model = _writing('os.environ["SM_MODEL_DIR"]', {"model.json": json.dumps(DESCRIPTION)})
    needs = {"model": {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}}
    steps = [
        lab.processing(
            "Prepare",
            _writing("sys.argv[1]", prepared),
            outputs=["dataset", "test"],
            arguments=[OUTPUT, "--seed", "3", "--split", "0.8,0.1,0.1"],
        ),
        {**_tune(lab), "DependsOn": ["Prepare"]},
        {
            **lab.training("Train", output + model + train, hyperparameters={"lr": '"0.2"'}),
            "DependsOn": ["Tune"],
        },
        lab.processing(
            "Evaluate",
            _writing("sys.argv[1]", evaluated),
            inputs=needs,
            arguments=[f"{OUTPUT}/evaluation"],
            outputs=["evaluation"],
        ),
    ]
    return _definition(steps, parameters or {"AccuracyThreshold": 0.6, "GitCommit": "abc-dirty"})


def _definition(steps: Sequence[Json], parameters: Json) -> Json:
    from tests.pipeline.local.runner_support import definition

    return definition(*steps, parameters=parameters)


def _tune(lab: Lab) -> Json:
    ranges = {"CategoricalParameterRanges": [{"Name": "rate", "Values": list(SCORES)}]}
    limits = {"MaxNumberOfTrainingJobs": len(SCORES), "MaxParallelTrainingJobs": 1}
    config = {"Strategy": "Grid", "ResourceLimits": limits, "ParameterRanges": ranges}
    history = _writing('os.environ["SM_OUTPUT_DATA_DIR"]', {"history.csv": HISTORY})
    return lab.tuning("Tune", history + _TRIAL.format(scores=SCORES), config)


def _npy() -> bytes:
    file = io.BytesIO()
    np.save(file, pictures())
    return file.getvalue()


def _writing(folder: str, files: dict[str, Any]) -> str:
    from base64 import b64encode

    content = {
        name: b64encode(value if isinstance(value, bytes) else value.encode()).decode()
        for name, value in files.items()
    }
    return _WRITE.format(folder=folder, files=json.dumps(content))


def finish(folder: Path, train: str = "") -> Finished:
    """Run it in a state folder of its own."""
    lab = Lab(Store(folder))
    return Finished(lab.store, lab.run_definition(definition_of(lab, train), {}))
