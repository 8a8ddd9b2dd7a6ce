"""Divide pictures among splits: by content and seed, never by name or order.

A picture's place among those of its class is drawn from its content's hash and the seed, so the
split is the same wherever the files lie and whatever they are called, and equal contents always
stay together.
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from folders.layout import SPLITS
from job.errors import JobError

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


def shares_of(fractions: Fractions, drawn: Sequence[str]) -> dict[str, float]:
    """Return the share of each split that is drawn, of what these splits get together."""
    shares = dict(zip(SPLITS, fractions, strict=True))
    if set(drawn) == set(SPLITS):
        return shares
    total = sum(shares[split] for split in drawn)
    return {split: shares[split] / total for split in drawn}


def stratified_split(
    contents: Iterable[tuple[str, str]], shares: Mapping[str, float], seed: int
) -> dict[str, str]:
    """Assign each content to one of the splits that have a share: {content hash: split}.

    `contents` are pairs of (class, content hash) and may repeat; within each class the shares
    hold for distinct contents, with one at the least in every split. A content that lies in
    several classes has one split too. Raises JobError naming a class that is too small.
    """
    by_class: dict[str, set[str]] = defaultdict(set)
    for label, content in contents:
        by_class[label].add(content)
    assigned: dict[str, str] = {}
    for label, distinct in sorted(by_class.items()):
        if len(distinct) < len(shares):
            raise JobError(too_few_message(label, len(distinct), tuple(shares)))
        _split_class(distinct, shares, seed, assigned)
        missing = set(shares) - {assigned[content] for content in distinct}
        if missing:
            raise JobError(
                f"class {label!r} shares pictures with other classes, which leaves it none for"
                f" {min(missing)}; remove the wrong copies or add pictures"
            )
    return assigned


def too_few_message(label: str, count: int, drawn: Sequence[str] = SPLITS) -> str:
    """Return the message about a class that cannot be in all of the splits that are drawn."""
    pictures = "1 usable, distinct picture" if count == 1 else f"{count} usable, distinct pictures"
    *others, last = drawn
    return (
        f"class {label!r} has {pictures}; at least {len(drawn)} are needed, one each for"
        f" {', '.join(others)} and {last}: add pictures or remove the class folder"
    )


def split_sizes(count: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Return how many of `count` go to each split: rounded, and at least one each."""
    sizes = {
        split: max(1, math.floor(count * share + 0.5))
        for split, share in shares.items()
        if split != "train"
    }
    while count - sum(sizes.values()) < 1:
        sizes[max(sizes, key=lambda split: sizes[split])] -= 1
    return {"train": count - sum(sizes.values()), **sizes}


def _split_class(
    distinct: set[str], shares: Mapping[str, float], seed: int, assigned: dict[str, str]
) -> None:
    left = split_sizes(len(distinct), shares)
    for content in distinct & assigned.keys():
        left[assigned[content]] -= 1
    free = sorted(distinct - assigned.keys(), key=lambda content: _draw(content, seed))
    # a content that another class placed already may have used up more than a split's share
    ends = [0, max(0, left.get("test", 0))]
    ends.append(ends[-1] + max(0, left.get("valid", 0)))
    bounds = [*(min(end, len(free)) for end in ends), len(free)]
    for split, (start, end) in zip(("test", "valid", "train"), pairwise(bounds), strict=True):
        assigned.update(dict.fromkeys(free[start:end], split))


def _draw(content: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{content}".encode()).hexdigest()
