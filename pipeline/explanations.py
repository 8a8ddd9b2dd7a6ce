"""Read why a picture got its answer, as the code that serves models writes it."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MOST_HEAT = 500_000  # letters: our own has a hundredth of it
_MOST_EXAMPLES = 10


@dataclass(frozen=True)
class LooksLike:
    """A training picture whose features are like those of the picture that was asked about.

    `sha256` is its content's; `similarity` the cosine between the features, 1 at most.
    """

    file: str
    sha256: str
    label: str
    similarity: float


@dataclass(frozen=True)
class Explanation:
    """Why a picture got its answer: a PNG to lay over it, and training pictures like it."""

    heat: bytes
    looks_like: tuple[LooksLike, ...]


def read_explanation(value: Mapping[str, Any]) -> Explanation:
    """Read an explanation as inference.py writes it. Raises ValueError for anything else."""
    try:
        text = str(value["heat"])
        if len(text) > _MOST_HEAT:
            raise ValueError(f"a map of {len(text):,} letters")
        alike = [
            LooksLike(
                str(one["file"]), str(one["sha256"]), str(one["label"]), float(one["similarity"])
            )
            for one in value["looks_like"][:_MOST_EXAMPLES]
        ]
        return Explanation(base64.b64decode(text, validate=True), tuple(alike))
    except (LookupError, TypeError) as error:
        raise ValueError(f"no explanation: {error}") from error
