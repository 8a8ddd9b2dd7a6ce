"""Say why the worst mistakes were made: where the model looked, and what the pictures look like."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.model_quality import Outcomes
from evaluation.served_model import ServedModel
from pictures.dataset import Split

EXPLANATIONS_FILE = "explanations.jsonl"
MOST = 24  # mistakes, the surest
_BATCH = 8


def write_explanations(folder: Path, served: ServedModel, test: Split, outcomes: Outcomes) -> None:
    """Write explanations.jsonl, a line a mistake, the surest first; none where nothing explains.

    A line has the file and what the endpoint answers as its explanation; the map lies over the
    prepared square.
    """
    if getattr(served.model, "explainer", None) is None:  # nor in artifacts of older versions
        return
    rows = worst_mistakes(test, outcomes)
    with (folder / EXPLANATIONS_FILE).open("w", encoding="utf-8") as file:
        for start in range(0, len(rows), _BATCH):
            some = rows[start : start + _BATCH]
            _, found = served.inference.explain(list(np.array(test.images[some])), served.model)
            for row, explanation in zip(some, found, strict=True):
                line: dict[str, Any] = {"file": test.files[row]}
                file.write(json.dumps(line | served.inference.explained(explanation)) + "\n")


def worst_mistakes(test: Split, outcomes: Outcomes) -> npt.NDArray[np.int64]:
    """Return the rows of at most 24 wrong answers, the surest first."""
    wrong = np.flatnonzero(outcomes.actual != outcomes.predicted)
    names = np.array([test.files[row] for row in wrong])
    order = np.lexsort((names, -outcomes.confidence[wrong])) if len(wrong) else wrong
    return wrong[order][:MOST]
