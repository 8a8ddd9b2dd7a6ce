"""Split pictures into train, valid and test: by content and seed, never by name or order.

A picture's place among those of its class is drawn from its content's hash and the seed, so the
split is the same wherever the files lie and whatever they are called, and equal contents always
stay together.
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

from job.errors import JobError
from pictures.image_folder import SPLITS

Fractions = tuple[float, float, float]


def parse_fractions(text: str) -> Fractions:
    """Read `0.8,0.1,0.1` (train, valid, test); raise JobError unless they are shares of 1."""
    try:
        train, valid, test = (float(part) for part in text.split(","))
    except ValueError as error:
        raise JobError(f"--split {text}: give train,valid,test such as 0.8,0.1,0.1") from error
    total = train + valid + test
    if not math.isclose(total, 1.0, abs_tol=1e-6):
        raise JobError(f"--split {text}: the fractions sum to {total:g}; they must sum to 1")
    if min(train, valid, test) <= 0:
        raise JobError(f"--split {text}: every fraction must be above 0")
    return train, valid, test


def stratified_split(
    contents: Iterable[tuple[str, str]], fractions: Fractions, seed: int
) -> dict[str, str]:
    """Assign each content to `train`, `valid` or `test`: {content hash: split}.

    `contents` are pairs of (class, content hash) and may repeat; within each class the fractions
    hold for distinct contents, with one at the least in every split. A content that lies in
    several classes has one split too. Raises JobError naming a class that is too small.
    """
    by_class: dict[str, set[str]] = defaultdict(set)
    for label, content in contents:
        by_class[label].add(content)
    assigned: dict[str, str] = {}
    for label, distinct in sorted(by_class.items()):
        if len(distinct) < len(SPLITS):
            raise JobError(too_few_message(label, len(distinct)))
        _split_class(distinct, fractions, seed, assigned)
        missing = set(SPLITS) - {assigned[content] for content in distinct}
        if missing:
            raise JobError(
                f"class {label!r} shares pictures with other classes, which leaves it none for"
                f" {min(missing)}; remove the wrong copies or add pictures"
            )
    return assigned


def too_few_message(label: str, count: int) -> str:
    """Return the message about a class that cannot be in all three splits."""
    pictures = "1 usable, distinct picture" if count == 1 else f"{count} usable, distinct pictures"
    return (
        f"class {label!r} has {pictures}; at least {len(SPLITS)} are needed, one each for train,"
        " valid and test: add pictures or remove the class folder"
    )


def split_sizes(count: int, fractions: Fractions) -> dict[str, int]:
    """Return how many of `count` (3 or more) go to each split: rounded, and at least one each."""
    sizes = {
        split: max(1, math.floor(count * share + 0.5))
        for split, share in zip(SPLITS[1:], fractions[1:], strict=True)
    }
    while count - sum(sizes.values()) < 1:
        sizes[max(sizes, key=lambda split: sizes[split])] -= 1
    return {"train": count - sum(sizes.values()), **sizes}


def _split_class(
    distinct: set[str], fractions: Fractions, seed: int, assigned: dict[str, str]
) -> None:
    left = split_sizes(len(distinct), fractions)
    for content in distinct & assigned.keys():
        left[assigned[content]] -= 1
    free = sorted(distinct - assigned.keys(), key=lambda content: _draw(content, seed))
    # a content that another class placed already may have used up more than a split's share
    ends = [0, max(0, left["test"]), max(0, left["test"]) + max(0, left["valid"])]
    bounds = [*(min(end, len(free)) for end in ends), len(free)]
    for split, (start, end) in zip(("test", "valid", "train"), pairwise(bounds), strict=True):
        assigned.update(dict.fromkeys(free[start:end], split))


def _draw(content: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{content}".encode()).hexdigest()
