"""Judge each label by all the other pictures: how probably it is wrong, and what is likelier.

`python -m benchmarks labels` measures it with labels that are known to be wrong.
"""

from dataclasses import dataclass

import numpy as np

from pictures.dataset import spread_rows
from review.discriminant import Exact, fit
from review.mistakes import explain, find_mistakes, joined
from review.space import Rows, Space

_CALIBRATED_ON = 2048


@dataclass(frozen=True)
class Judged:
    """By row: the class a picture looks like, the likeliest one but the label, and log odds.

    The odds are of a wrong label against a right one: at 0 it is as probable as not, at -inf
    nothing is known of it, as of the only picture of a class.
    """

    looks: Rows
    likely: Rows
    log_odds: Exact


def judge(space: Space, labels: Rows, classes: int) -> Judged:
    """Judge the labels (N,) of pictures by their features."""
    looks, likely = labels.copy(), labels.copy()
    log_odds = np.full(len(labels), -np.inf)
    model = fit(space, labels, classes)
    if model is None:
        return Judged(looks, likely, log_odds)
    known = np.flatnonzero(model.counts[labels] > 1)
    some = known[spread_rows(len(known), _CALIBRATED_ON)]
    evidence = model.evidence(space.of(some), labels[some])
    mistakes = find_mistakes(evidence, labels[some], model.nearest)
    parts = []
    for rows, values in space.blocks():
        evidence = model.evidence(values, labels[rows])
        looks[rows] = evidence.argmax(axis=1)
        likely[rows] = mistakes.likely(evidence, labels[rows])
        parts.append(explain(evidence, labels[rows], model.nearest, mistakes.trust))
    alone = model.counts[labels] == 1
    looks[alone] = labels[alone]
    log_odds[known] = joined(parts).of(known).log_odds()
    return Judged(looks, likely, log_odds)
