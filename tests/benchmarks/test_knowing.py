"""The benchmark of unknown pictures: what is drawn, compared and complained of."""

from typing import Any

import numpy as np
import pytest

from benchmarks.far_pictures import KINDS, far_squares
from benchmarks.knowing import problems, table
from benchmarks.unknown_scores import RIVALS, auroc

OURS = "relative Mahalanobis, 64 directions"


@pytest.mark.parametrize("kind", KINDS)
def test_far_pictures_are_the_same_for_the_same_numbers(kind: str) -> None:
    first, again = (far_squares(kind, 2, 40, seed=1) for _ in range(2))
    assert np.array_equal(first, again)
    assert first[0].shape == (3, 40, 40)
    assert first[0].dtype == np.uint8
    assert not np.array_equal(first[0], first[1])


@pytest.mark.parametrize(
    ("known", "unknown", "area"),
    [([1, 2], [3, 4], 1.0), ([3, 4], [1, 2], 0.0), ([1, 1], [1, 1], 0.5), ([1, 3], [2, 4], 0.75)],
)
def test_the_area_counts_how_often_the_unknown_is_above(
    known: list[float], unknown: list[float], area: float
) -> None:
    assert auroc(np.array(known), np.array(unknown)) == area


@pytest.mark.parametrize("name", RIVALS)
def test_every_score_tells_pictures_that_are_far_from_every_class(name: str) -> None:
    random = np.random.default_rng(0)
    labels = np.arange(300) % 3
    middles = 5 * np.eye(3, 6)
    head = middles.T
    known = (middles[labels] + random.normal(size=(300, 6))).astype(np.float32)
    far = (random.normal(size=(50, 6)) - [3, 3, 3, 0, 0, 0]).astype(np.float32)
    score = RIVALS[name](known[:200], labels[:200])
    assert auroc(score(known[200:], known[200:] @ head), score(far, far @ head)) > 0.9


def promises(kept: int) -> dict[str, Any]:
    points = [{"kept": seed < kept} for seed in range(5)]
    return {"kept": 99, "of": 100, "at_80_percent": points}


def result(**changes: Any) -> dict[str, Any]:
    figures = {"near": 0.7, "far": 0.99, "known_refused": 0.05, "near_refused": 0.2}
    one = {
        "backbone": "mobilenet_v2",
        "pretrained": True,
        "scores": {
            name: {**figures, "far_refused": 1.0, **changes.get("scores", {}).get(name, {})}
            for name in (OURS, "maximum probability")
        },
        "seeds": 5,
        "promises": promises(5),
        "serving": {
            "p50_cpu_ms": {"without": 10.0, "with": 10.1},
            "known_bytes": 100,
            "artifact_bytes": 10_000,
        },
    }
    return {"backbones": [{**one, **{k: v for k, v in changes.items() if k != "scores"}}]}


def test_what_holds_is_no_problem_and_stands_in_the_table() -> None:
    assert problems(result()) == []
    assert "promises kept: 99 of 100; known.npz adds 1.0%" in table(result())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scores": {OURS: {"far": 0.9}}}, "far AUROC 0.900"),
        ({"scores": {OURS: {"near": 0.6}}}, "below the maximum probability's"),
        ({"scores": {OURS: {"known_refused": 0.09}}}, "9.0% of known pictures refused"),
        ({"promises": promises(3)}, "promises kept by 3 of 5 seeds"),
    ],
)
def test_what_does_not_hold_is_named(changes: dict[str, Any], said: str) -> None:
    (problem,) = problems(result(**changes))
    assert said in problem


def test_of_random_weights_nothing_is_asked() -> None:
    assert problems(result(pretrained=False, promises=promises(0))) == []
