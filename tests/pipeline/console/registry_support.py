"""A registry as runs leave it, and a visitor of the console who has the cookie."""

import html
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.model_quality import (
    confusion_matrix,
    multiclass_metrics,
    outcomes_of,
    per_class,
)
from pipeline.local.service.client import sagemaker_client
from pipeline.local.store import Store
from tests.pipeline.console.console_support import Visitor
from tests.pipeline.local.runner_support import OUTPUT, Lab

FINGERPRINT = "f" * 64
SIDE = 16
FEW_CLASSES = 150
_PREPARE = """
import base64, json, sys
from pathlib import Path
for name, content in json.loads({files!r}).items():
    (Path(sys.argv[1]) / name).write_bytes(base64.b64decode(content))
"""


class RegistryVisitor(Visitor):
    """Somebody who reads the registry's pages and sends their forms."""

    def read(self, path: str, status: int = 200) -> str:
        """Return the words of a page's main part."""
        return words(self.get(path, status))

    def send(self, path: str, **fields: str) -> Any:
        """Send the form of that address as a browser does, with these fields filled in."""
        return self.client.post(path, data=hidden(self.get(path)) | fields)


def words(page: str) -> str:
    """Return the text of a page's main part, in one line."""
    main = page[page.index("<main") : page.index("</main>")]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", main.replace("<wbr>", ""))).split())


def hidden(page: str) -> dict[str, str]:
    """Return the hidden fields of a page's forms."""
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    return {name: html.unescape(value) for name, value in fields}


def visitor(store: Store) -> RegistryVisitor:
    """Open the console of a state."""
    return RegistryVisitor(store.root)


@dataclass(frozen=True)
class Exam:
    """Test pictures: their files, and the number of the class of each."""

    classes: Sequence[str]
    labels: Sequence[int]

    @property
    def files(self) -> list[str]:
        """The names of the files."""
        return [f"{self.classes[label]}/{n:03}.jpg" for n, label in enumerate(self.labels)]


def prepare(store: Store, exam: Exam, counts: int = 4) -> str:
    """Run a Prepare step that keeps these test pictures; return the id of its run."""
    grey = (np.arange(len(exam.labels), dtype=np.uint8) * 7)[:, None, None, None]
    pictures = np.broadcast_to(grey, (len(exam.labels), 3, SIDE, SIDE)).copy()
    file = io.BytesIO()
    np.save(file, pictures)
    info = {
        "classes": list(exam.classes),
        "counts": {"train": dict.fromkeys(exam.classes, counts)},
        "fingerprint": FINGERPRINT,
        "resize": SIDE,
        "split_source": "folders",
        "refused": [],
        "duplicates": [],
    }
    lab = Lab(store)
    script = _writing({"dataset/dataset.json": json.dumps(info).encode()})
    names = json.dumps(exam.files).encode()
    script += _writing({"test/test.images.npy": file.getvalue(), "test/test.files.json": names})
    step = lab.processing("Prepare", script, outputs=["dataset", "test"], arguments=[OUTPUT])
    arn: str = lab.run(step).execution_arn
    return arn.rpartition("/")[2]


def _writing(files: Mapping[str, bytes]) -> str:
    from base64 import b64encode

    content = {name: b64encode(data).decode() for name, data in files.items()}
    return _PREPARE.format(files=json.dumps(content))


def register(
    store: Store,
    register_package: Callable[..., str],
    exam: Exam,
    wrong: Mapping[int, int],
    *,
    run: str = "",
    model: str = "",
    data: str = FINGERPRINT,
    commit: str = "",
) -> int:
    """Register the next version, which took some pictures (by number) for another class.

    Returns the version's number.
    """
    client = sagemaker_client(store)
    number = len(list(store.path("s3://b").glob("evaluation-*"))) + 1
    folder = f"s3://b/evaluation-{number}"
    store.path(folder).mkdir(parents=True)
    chances = _chances(exam, wrong)
    _write_evaluation(store, folder, exam, chances, data)
    statistics = {"ContentType": "application/json", "S3Uri": f"{folder}/evaluation.json"}
    report = {"Report": f"s3://b/runs/{run}/report/report.html"} if run else {}
    register_package(
        client,
        model or f"s3://b/{number}/model.tar.gz",
        ModelMetrics={"ModelQuality": {"Statistics": statistics}},
        CustomerMetadataProperties={"GitCommit": commit or f"{number}" * 40, **report},
    )
    return number


PROMISED = {
    **{"coverage": 0.8, "confidence": 0.6, "accuracy": 0.95},
    **{"test_coverage": 0.7, "test_accuracy": 0.9, "kept": False},
}


def _chances(exam: Exam, wrong: Mapping[int, int]) -> Any:
    chances = np.full((len(exam.labels), len(exam.classes)), 0.2 / len(exam.classes))
    for number, label in enumerate(exam.labels):
        chances[number, wrong.get(number, label)] += 0.8
    return chances.astype(np.float32)


def _write_evaluation(store: Store, folder: str, exam: Exam, chances: Any, data: str) -> None:
    answers = chances.argmax(axis=1)
    content = {
        "dataset": {"item_count": len(exam.labels)},
        "data_fingerprint": data,
        "multiclass_classification_metrics": _metrics(exam, chances),
        "coverage": {
            "summary": "answers the 80% it is surest of with 90.0% accuracy",
            "points": [{"coverage": 0.8, "confidence": 0.6, "accuracy": 0.9}],
            "promised": [PROMISED],
        },
    }
    store.path(f"{folder}/evaluation.json").write_text(json.dumps(content))
    rows = [
        {
            "file": file,
            "label": exam.classes[label],
            "prediction": exam.classes[answer],
            # the largest say it all, and are not many megabytes
            "probabilities": np.sort(row)[-FEW_CLASSES:].tolist(),
        }
        for file, label, answer, row in zip(exam.files, exam.labels, answers, chances, strict=True)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    store.path(f"{folder}/predictions.jsonl").write_text(lines)


def _metrics(exam: Exam, chances: Any) -> Any:
    """Measure by the project's own code; of many classes, which takes seconds, the most needed."""
    labels, answers = np.array(exam.labels), chances.argmax(axis=1)
    if len(exam.classes) <= FEW_CLASSES:
        return multiclass_metrics(outcomes_of(labels, chances), exam.classes)
    matrix = confusion_matrix(labels, answers, len(exam.classes))
    confused: dict[str, dict[str, int]] = {name: {} for name in exam.classes}
    for label, answer in zip(*matrix.nonzero(), strict=True):
        confused[exam.classes[label]][exam.classes[answer]] = int(matrix[label, answer])
    return {
        "accuracy": {"value": float((labels == answers).mean())},
        "per_class": per_class(matrix, exam.classes),
        "confusion_matrix": confused,
    }
