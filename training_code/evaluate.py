"""Evaluate: the test pictures through the model artifact's own serving code.

    evaluate.py --model DIR --test DIR --evaluation DIR [--batch-size 64]

Unpacks model.tar.gz, imports `inference` from the code/ folder inside it and predicts through the
same functions as the endpoint: what is measured here is what will be served. Writes
evaluation.json and predictions.jsonl (one line a picture; probabilities in the classes' order).
"""

import argparse
import importlib
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from artifact import ArtifactError, extract_archive
from dataset import Split, open_split, read_info
from freed_memory import keep_freed_memory
from job_errors import JobError, run_job
from job_progress import ProgressLines
from model_quality import Outcomes, join, multiclass_metrics, outcomes_of

ARCHIVE = "model.tar.gz"


@dataclass(frozen=True)
class Options:
    """The command line, checked."""

    model: Path
    test: Path
    evaluation: Path
    batch_size: int


def parse_options(arguments: list[str] | None = None) -> Options:
    """Reads the command line; raises JobError for a batch size below 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="folder with model.tar.gz")
    parser.add_argument("--test", type=Path, required=True, help="the prepared test split")
    parser.add_argument("--evaluation", type=Path, required=True, help="folder for the results")
    parser.add_argument("--batch-size", type=int, default=64)
    options = Options(**vars(parser.parse_args(arguments)))
    if options.batch_size < 1:
        raise JobError(f"--batch-size must be 1 or more, not {options.batch_size}")
    return options


@contextmanager
def serving_code(folder: Path) -> Iterator[ModuleType]:
    """The module `inference` of an artifact's code folder, with all that it imports from there.

    Modules of the same names that are loaded already are set aside, and put back at the end.
    """
    if not (folder / "inference.py").is_file():
        raise JobError(f"{ARCHIVE} holds no code/inference.py: it was not exported by training")
    names = {path.stem for path in folder.glob("*.py")}
    aside = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("inference")
    finally:
        sys.path.remove(str(folder))
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(aside)


def load_model(inference: ModuleType, folder: Path) -> Any:
    """What the artifact's model_fn returns; raises JobError when the artifact is damaged."""
    try:
        return inference.model_fn(str(folder))
    except ValueError as error:
        raise JobError(str(error)) from error


def check_fit(model: Any, test: Split, classes: list[str]) -> None:
    """Raises JobError when the test data is not what this model was made for."""
    description = model.description
    if list(description.classes) != classes:
        raise JobError(
            f"the model knows {len(description.classes)} classes and the test data has "
            f"{len(classes)}, or they are in another order: evaluate with the data set's own model"
        )
    side = description.preprocessing.resize
    if test.images.shape[1:] != (3, side, side):
        raise JobError(
            f"test pictures are {test.images.shape[1:]}; the model expects (3, {side}, {side}): "
            "run Prepare with the resize that the model was trained with"
        )
    if not len(test.labels):
        raise JobError("the test split is empty: nothing can be measured on it")


def predict(
    inference: ModuleType, model: Any, test: Split, options: Options, classes: list[str]
) -> Outcomes:
    """Writes predictions.jsonl batch by batch, and returns what the metrics are made of."""
    batches = []
    progress = ProgressLines("evaluated", len(test.labels))
    with (options.evaluation / "predictions.jsonl").open("w", encoding="utf-8") as file:
        for start in range(0, len(test.labels), options.batch_size):
            rows = slice(start, start + options.batch_size)
            squares = list(np.array(test.images[rows]))
            probabilities = inference.predict_fn(squares, model).probabilities
            outcomes = outcomes_of(test.labels[rows], probabilities)
            for index, values in enumerate(probabilities):
                line = {
                    "file": test.files[start + index],
                    "label": classes[outcomes.actual[index]],
                    "prediction": classes[outcomes.predicted[index]],
                    "probabilities": [round(float(value), 8) for value in values],
                }
                file.write(json.dumps(line) + "\n")
            batches.append(outcomes)
            progress.advance(len(squares))
    progress.finish()
    return join(batches)


def main(arguments: list[str] | None = None) -> None:
    """The job: unpack, predict, measure."""
    options = parse_options(arguments)
    keep_freed_memory()
    info, test = read_info(options.test), open_split(options.test, "test")
    classes = list(info["classes"])
    options.evaluation.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            extract_archive(options.model / ARCHIVE, folder)
        except ArtifactError as error:
            raise JobError(str(error)) from error
        with serving_code(folder / "code") as inference:
            model = load_model(inference, folder)
            check_fit(model, test, classes)
            outcomes = predict(inference, model, test, options, classes)
    metrics = multiclass_metrics(outcomes, classes)
    result = {
        "version": 0.0,
        "dataset": {"item_count": len(test.labels)},
        "data_fingerprint": info["fingerprint"],
        "multiclass_classification_metrics": metrics,
    }
    text = json.dumps(result, indent=1, allow_nan=False)
    (options.evaluation / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    accuracy, spread = metrics["accuracy"]["value"], metrics["accuracy_standard_error"]["value"]
    print(f"test_accuracy={accuracy:.6f} standard_error={spread:.6f} pictures={len(test.labels)}")


if __name__ == "__main__":
    run_job(main)
