"""Evaluate the model artifact on the test pictures, through its own serving code.

    evaluate.py --model DIR --test DIR --evaluation DIR [--batch-size 64]
                [--champion DIR --champion-package ARN] [--coverage-accuracy 0.95]

Runs in the image that will serve. Unpacks model.tar.gz, imports `inference` from the code/ folder
inside it and predicts through the same functions as the endpoint: what is measured here is what
will be served. Writes evaluation.json and predictions.jsonl (one line a picture; probabilities in
the classes' order), and for the worst mistakes, where the model can say why, explanations.jsonl.
With a champion, the approved model that this one must not be worse than,
evaluation.json also says how both do on these pictures; with an accuracy, how many can be answered
with it.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.card import card_section, rules_text
from evaluation.champion import NONE, Challenger, Champion, Exam, compare
from evaluation.coverage import coverage_section
from evaluation.explained_mistakes import write_explanations
from evaluation.model_quality import Outcomes, join, multiclass_metrics, outcomes_of
from evaluation.served_model import ARCHIVE, check_fit, predictions_of, served_model
from job.errors import JobError, run_job
from job.log import log
from job.malloc_tuning import keep_freed_memory
from job.provenance import package_versions
from pictures.dataset import open_split, read_info


@dataclass(frozen=True)
class Options:
    """The checked command line of evaluate.py; without a `champion` folder nothing is compared."""

    model: Path
    test: Path
    evaluation: Path
    batch_size: int
    champion: Path | None
    champion_package: str
    coverage_accuracy: float | None


def parse_options(arguments: list[str] | None = None) -> Options:
    """Read the command line; raise JobError for a batch size below 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="folder with model.tar.gz")
    parser.add_argument("--test", type=Path, required=True, help="the prepared test split")
    parser.add_argument("--evaluation", type=Path, required=True, help="folder for the results")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--champion", type=Path, help="folder with the approved model.tar.gz")
    parser.add_argument("--champion-package", default=NONE, help="its model package's ARN, or none")
    asked = "an accuracy: how many can be answered with it?"
    parser.add_argument("--coverage-accuracy", type=float, help=asked)
    options = Options(**vars(parser.parse_args(arguments)))
    if options.batch_size < 1:
        raise JobError(f"--batch-size must be 1 or more, not {options.batch_size}")
    return options


@dataclass(frozen=True)
class Measured:
    """What the test pictures showed: outcomes, and the `serving` section: what computed them.

    `rules` says how the debugger's rules ended in the training, as the artifact tells.

    `known` is the artifact's Known, and `refused` says which pictures it called unknown; None where
    the artifact tells none.
    """

    outcomes: Outcomes
    serving: dict[str, Any]
    known: Any
    refused: npt.NDArray[np.bool_] | None
    rules: str


def evaluate(options: Options, exam: Exam) -> Measured:
    """Predict the test pictures and write predictions.jsonl, batch by batch."""
    batches, scores = [], []
    with (
        served_model(options.model / ARCHIVE) as served,
        (options.evaluation / "predictions.jsonl").open("w", encoding="utf-8") as file,
    ):
        check_fit(served, exam.split, exam.classes)
        known = getattr(served.model, "known", None)
        for rows, predictions in predictions_of(served, exam.split, options.batch_size):
            probabilities = predictions.probabilities
            if known is not None:
                scores.append(predictions.distances.min(axis=1))
            batch = outcomes_of(exam.split.labels[rows], probabilities)
            for index, values in enumerate(probabilities):
                line = {
                    "file": exam.split.files[rows.start + index],
                    "label": exam.classes[batch.actual[index]],
                    "prediction": exam.classes[batch.predicted[index]],
                    "probabilities": [round(float(value), 8) for value in values],
                }
                file.write(json.dumps(line) + "\n")
            batches.append(batch)
        runtime = str(served.model.runtime)
        computes = "torch" if runtime == "torch" else "onnxruntime"
        versions = package_versions(("numpy", "pillow", computes))
        outcomes = join(batches)
        write_explanations(options.evaluation, served, exam.split, outcomes)
        rules = rules_text(served.folder)
    refused = np.concatenate(scores) > known.threshold if known is not None else None
    serving = {"runtime": runtime, "versions": versions}
    return Measured(outcomes, serving, known, refused, rules)


def result_of(options: Options, exam: Exam, measured: Measured) -> dict[str, Any]:
    """Return the contents of evaluation.json."""
    outcomes, known = measured.outcomes, measured.known
    result: dict[str, Any] = {
        "version": 0.0,
        "dataset": {"item_count": len(exam.split.labels)},
        "data_fingerprint": exam.fingerprint,
        "test_fingerprint": exam.test_fingerprint(),
        "multiclass_classification_metrics": multiclass_metrics(outcomes, exam.classes),
        "coverage": coverage_section(
            outcomes, None if known is None else known.promised, options.coverage_accuracy
        ),
        "serving": measured.serving,
    }
    if measured.refused is not None:
        result["unknown"] = {
            "threshold": known.limit,
            "refused": float(measured.refused.mean()),
            "temperature": float(known.temperature[0]),
        }
    if options.champion is not None:
        champion = Champion(options.champion, options.champion_package)
        challenger = Challenger(options.model / ARCHIVE, outcomes.actual == outcomes.predicted)
        result["champion"] = compare(champion, challenger, exam, options.batch_size)
    return result


def main(arguments: list[str] | None = None) -> None:
    """Run the job: unpack, predict, measure, compare."""
    options = parse_options(arguments)
    keep_freed_memory()
    info = read_info(options.test)
    exam = Exam(open_split(options.test, "test"), tuple(info["classes"]), info["fingerprint"])
    options.evaluation.mkdir(parents=True, exist_ok=True)
    measured = evaluate(options, exam)
    result = result_of(options, exam, measured)
    result["card"] = card_section(info, result, measured.rules)
    text = json.dumps(result, indent=1, allow_nan=False)
    (options.evaluation / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    metrics = result["multiclass_classification_metrics"]
    accuracy, spread = metrics["accuracy"]["value"], metrics["accuracy_standard_error"]["value"]
    pictures = len(exam.split.labels)
    log(f"coverage: {result['coverage']['summary']}")
    log(f"test_accuracy={accuracy:.6f} standard_error={spread:.6f} pictures={pictures}")


if __name__ == "__main__":
    run_job(main)
