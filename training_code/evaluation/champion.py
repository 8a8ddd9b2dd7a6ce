"""Compare a new model, the challenger, with the approved one, the champion, on test pictures.

The challenger must not be worse. Each predicts through its own serving code. A champion that
cannot be compared never fails the job: the reason is recorded and printed, and the gate then
looks at the threshold alone.
"""

import filecmp
import hashlib
import json
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.paired_comparison import PairedCounts, count_pairs
from evaluation.served_model import ARCHIVE, check_fit, predict, served_model
from job.errors import JobError
from job.log import log
from pictures.dataset import Split

NONE = "none"
_OTHER_DATA = "it learned from other data, in which these pictures may have been"
_REASON_LENGTH = 500  # the gate's message holds it, and SageMaker limits that

Right = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Champion:
    """The approved model: folder of its model.tar.gz, if any, and its version's ARN or "none"."""

    folder: Path
    model_package_arn: str

    @property
    def archive(self) -> Path:
        """The path of model.tar.gz, which need not exist."""
        return self.folder / ARCHIVE


@dataclass(frozen=True)
class Challenger:
    """The new model's archive, and whether it was right on each test picture, (N,)."""

    archive: Path
    right: Right


@dataclass(frozen=True)
class Exam:
    """The test split, its class names in order, and the fingerprint of its data set."""

    split: Split
    classes: tuple[str, ...]
    fingerprint: str

    def test_fingerprint(self) -> str:
        """Return a sha256 of the test pictures' pixels and classes, and of no other picture."""
        digest = hashlib.sha256(json.dumps([self.classes, self.split.images.shape]).encode())
        digest.update(self.split.labels.astype("<i8").tobytes())
        for image in self.split.images:
            digest.update(image.tobytes())
        return digest.hexdigest()


def compare(
    champion: Champion, challenger: Challenger, test: Exam, batch_size: int
) -> dict[str, Any]:
    """Return the `champion` section of evaluation.json, and print its summary. Never raises.

    `difference` is the challenger's accuracy less the champion's; `shortfall` how much the
    challenger is worse, 0.0 when it is not or when nothing could be compared; `summary` is for
    the gate's message.
    """
    if champion.model_package_arn == NONE:
        section = _not_compared(champion, "no version is approved yet")
    elif not champion.archive.is_file():
        section = _not_compared(champion, "its model is not there, or may not be read")
    else:
        section = _compared(champion, challenger, test, batch_size)
    log(f"champion: {section['summary']}")
    return section


def _compared(
    champion: Champion, challenger: Challenger, test: Exam, batch_size: int
) -> dict[str, Any]:
    if filecmp.cmp(champion.archive, challenger.archive, shallow=False):
        return _section(champion, challenger.right, challenger, test, "it is this very model")
    try:
        right, fingerprint = _measure(champion, test, batch_size)
    except JobError as error:
        return _not_compared(champion, str(error))
    except ModuleNotFoundError as error:
        traceback.print_exc()
        return _not_compared(champion, f"its code needs {error.name}, which this image lacks")
    except (Exception, SystemExit) as error:  # the champion's own code, of any version, runs here
        traceback.print_exc()
        return _not_compared(champion, f"{type(error).__name__}: {error}")
    note = "" if fingerprint == test.fingerprint else _OTHER_DATA
    return _section(champion, right, challenger, test, note)


def _measure(champion: Champion, test: Exam, batch_size: int) -> tuple[Right, str]:
    """Return whether the champion is right on each picture, and its training data's fingerprint."""
    with served_model(champion.archive) as served:
        check_fit(served, test.split, test.classes)
        batches = predict(served, test.split, batch_size, "champion evaluated")
        right = [test.split.labels[rows] == values.argmax(axis=1) for rows, values in batches]
        return np.concatenate(right), str(served.model.description.data_fingerprint)


def _section(
    champion: Champion, right: Right, challenger: Challenger, test: Exam, note: str
) -> dict[str, Any]:
    accuracy = float(right.mean())
    pairs = count_pairs(challenger.right, right)
    name = _name(champion)
    told = f"{name} has {accuracy:.4f} on the same pictures ({_told(pairs)})"
    return {
        "model_package_arn": champion.model_package_arn,
        "compared": True,
        "reason": note,
        "accuracy": accuracy,
        "difference": pairs.difference,
        "shortfall": max(0.0, -pairs.difference),
        "paired": {
            "pictures": pairs.pictures,
            "only_challenger_right": pairs.only_first,
            "only_champion_right": pairs.only_second,
            "mcnemar_p_value": pairs.p_value,
        },
        "recall": _recalls(right, test),
        "summary": f"{told}; {note}" if note else told,
    }


def _not_compared(champion: Champion, error: str) -> dict[str, Any]:
    reason = " ".join(error.split())[:_REASON_LENGTH]
    return {
        "model_package_arn": champion.model_package_arn,
        "compared": False,
        "reason": reason,
        "accuracy": None,
        "difference": 0.0,
        "shortfall": 0.0,
        "paired": None,
        "recall": None,
        "summary": f"{_name(champion)} is not compared: {reason}",
    }


def _recalls(right: Right, test: Exam) -> dict[str, float | None]:
    """Return the share of each class's pictures that are right; None of a class without any."""
    labels = test.split.labels
    pictures = np.bincount(labels, minlength=len(test.classes))
    found = np.bincount(labels[right], minlength=len(test.classes))
    return {
        name: float(found[number] / pictures[number]) if pictures[number] else None
        for number, name in enumerate(test.classes)
    }


def _told(pairs: PairedCounts) -> str:
    return (
        f"{pairs.difference:+.4f}; only the new model right on {pairs.only_first}, only the "
        f"champion on {pairs.only_second}, p = {pairs.p_value:.3g}"
    )


def _name(champion: Champion) -> str:
    if champion.model_package_arn == NONE:
        return "the champion"
    return f"the champion ({champion.model_package_arn.rpartition('model-package/')[2]})"
