"""Estimate how often labels are wrong, and how probably each one is.

A label is mostly its picture's class, sometimes any other (a slip), sometimes the class most alike
(a confusion). How often, is what explains all the labels best (expectation maximisation), and so is
how far the features' evidence is to be trusted. Pictures that are only hard to tell could pass for
mistakes: so it takes many labels, or strong evidence, to believe that mistakes are frequent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from review.discriminant import Exact
from review.space import Rows, Values

_TRUST = np.geomspace(0.02, 8, 22)  # factors of the evidence: features are no normal distribution
_STEPS = 60
_START = np.array([0.96, 0.02, 0.02])
_SEEN = 1.0  # labels of each kind that are taken as seen: nothing is impossible
_BELIEF = 0.2  # of all labels, that are taken as seen to be right besides
_LEAST = -600.0  # of a logarithm


@dataclass(frozen=True)
class Explained:
    """How well labels are explained, by row: the log likelihood of their being right (`right`).

    `kinds` (3, N): how many times better a right label, a slip and a confusion explain it.
    """

    right: Exact
    kinds: Exact

    def of(self, rows: Rows) -> "Explained":
        """Return some of the rows."""
        return Explained(self.right[rows], self.kinds[:, rows])

    def believable(self, rates: Exact) -> float:
        """Say how well that share of each kind explains the labels, and is believed (log)."""
        explained = (self.right + np.log(rates @ self.kinds)).mean()
        return float(explained + _BELIEF * np.log(rates[0]))

    def rates(self) -> Exact:
        """Return the share of each kind that explains the labels best."""
        rates, seen = _START, np.full(len(_START), _SEEN)
        seen[0] += _BELIEF * self.kinds.shape[1]
        for _ in range(_STEPS):
            shares = self.kinds * rates[:, None] / (rates @ self.kinds)
            counts = shares.sum(axis=1) + seen
            rates = counts / counts.sum()
        return rates

    def log_odds(self) -> Exact:
        """Return the log odds of each label's being wrong."""
        rates = self.rates()
        wrong = np.maximum(rates[1:] @ self.kinds[1:], np.exp(_LEAST))
        odds: Exact = np.log(wrong) - np.log(rates[0])
        return odds


@dataclass(frozen=True)
class Mistakes:
    """How mistakes are made: `nearest` is the class most alike each, `trust` is in the evidence."""

    nearest: Rows
    trust: float
    rates: Exact

    def likely(self, evidence: Values, labels: Rows) -> Rows:
        """Return the class (N,) that each label most probably should be if it is wrong."""
        slip = self.rates[1] / (evidence.shape[1] - 1)
        chance = np.where(self.nearest == labels[:, None], slip + self.rates[2], slip)
        score = self.trust * evidence + np.log(chance)
        score[np.arange(len(labels)), labels] = -np.inf
        likely: Rows = score.argmax(axis=1)
        return likely


def explain(evidence: Values, labels: Rows, nearest: Rows, trust: float) -> Explained:
    """Return how evidence (N, C) against the labels explains them."""
    scaled = trust * evidence.astype(np.float64)
    most = scaled.max(axis=1)
    log_right = np.maximum(-most, _LEAST)
    weights, right = np.exp(scaled - most[:, None]), np.exp(log_right)
    total = weights.sum(axis=1)
    slips = np.maximum(total - right, 0) / (evidence.shape[1] - 1)
    confusions = np.where(nearest == labels[:, None], weights, 0).sum(axis=1)
    kinds = np.stack([right, slips, confusions]) / right
    return Explained(log_right - np.log(total), kinds)


def find_mistakes(evidence: Values, labels: Rows, nearest: Rows) -> Mistakes:
    """Return how mistakes were made, as all labels are explained best."""
    found = []
    for trust in _TRUST.tolist():
        explained = explain(evidence, labels, nearest, trust)
        rates = explained.rates()
        found.append((explained.believable(rates), trust, rates))
    _, trust, rates = max(found, key=lambda one: one[0])
    return Mistakes(nearest, trust, rates)


def joined(parts: Sequence[Explained]) -> Explained:
    """Return the parts as one."""
    right = np.concatenate([part.right for part in parts])
    return Explained(right, np.concatenate([part.kinds for part in parts], axis=1))
