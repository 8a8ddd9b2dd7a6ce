"""A run that has prepared a data set, without decoding anything, and who looks at it."""

import io
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.local.store import Store
from tests.pipeline.console.console_support import Visitor
from tests.pipeline.local.runner_support import OUTPUT, Lab

SIDE = 16
_WRITE = """
import base64, json, sys
from pathlib import Path
for name, content in json.loads({files!r}).items():
    path = Path(sys.argv[1]) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(base64.b64decode(content))
"""


@dataclass(frozen=True)
class Prepared:
    """A run that prepared a data set, and a person who looks at it."""

    run: str
    visitor: Visitor
    store: Store

    def get(self, path: str = "", status: int = 200) -> str:
        return self.visitor.get(f"/data/{self.run}{path}", status)


def _npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _split_files(split: str, names: list[str], labels: list[int]) -> dict[str, bytes]:
    """What Prepare writes of a split: each picture is of a grey of its row."""
    grey = np.arange(len(names), dtype=np.uint8)[:, None, None, None] * 10
    return {
        f"{split}.images.npy": _npy(np.broadcast_to(grey, (len(names), 3, SIDE, SIDE)).copy()),
        f"{split}.labels.npy": _npy(np.array(labels, np.int64)),
        f"{split}.files.json": json.dumps(names).encode(),
    }


def prepared_in(
    store: Store,
    classes: list[str],
    each: int = 2,
    review: Mapping[str, Any] | None = None,
    **more: Any,
) -> Prepared:
    """Run a step Prepare that puts out a data set of these classes, and one that reviewed it."""
    labels = [number for number in range(len(classes)) for _ in range(each)]
    names = [f"{classes[label]}/{place}.jpg" for place, label in enumerate(labels)]
    info = {
        "classes": classes,
        "counts": {s: dict.fromkeys(classes, each) for s in ("train", "test")},
        "fingerprint": "f" * 64, "resize": SIDE, "split_source": "folders",
        "refused": [], "duplicates": [], **more,
    }  # fmt: skip
    files = {"dataset/dataset.json": json.dumps(info).encode()}
    for split, folder in (("train", "dataset"), ("test", "test")):
        own = _split_files(split, [f"{split}/{name}" for name in names], labels)
        files |= {f"{folder}/{name}": content for name, content in own.items()}
    lab = Lab(store)
    steps = [
        lab.processing("Prepare", _script(files), outputs=["dataset", "test"], arguments=[OUTPUT])
    ]
    if review is not None:
        found = {"features/review.json": json.dumps(review).encode()}
        script = _script(found)
        steps.append(
            lab.processing("ExtractFeatures", script, outputs=["features"], arguments=[OUTPUT])
        )
    result = lab.run(*steps)
    return Prepared(result.execution_arn.rpartition("/")[2], Visitor(store.root), store)


def _script(files: dict[str, bytes]) -> str:
    return _WRITE.format(
        files=json.dumps({name: b64encode(content).decode() for name, content in files.items()})
    )
