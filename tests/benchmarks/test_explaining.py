"""The benchmark of explaining: what it asks for, of what was measured."""

from typing import Any

from benchmarks.explaining import problems, table

FOUND: dict[str, Any] = {
    "backbone": "mobilenet_v2",
    "artifact_bytes": {"before": 1000, "as is": 1100},
    "p50_ms": {"before": 10.0, "not asked": 10.1, "asked": 12.0},
    "ratios": {"not asked": [1.5, 1.0, 1.01], "asked": [1.2, 1.1, 9.0]},
}


def result(**changed: Any) -> dict[str, Any]:
    return {"quick": False, "backbones": [FOUND | changed]}


def test_what_is_reached_is_no_problem() -> None:
    assert problems(result()) == []


def test_a_round_beside_something_else_is_not_the_median() -> None:
    assert table(result()).splitlines()[-1].split() == [
        "mobilenet_v2", "10.00", "10.10", "12.00", "1.010", "1.200", "1.100",
    ]  # fmt: skip


def test_what_costs_too_much_is_named() -> None:
    ratios = {"not asked": [1.03, 1.03, 1.0], "asked": [2.1, 2.1, 2.1]}
    found = problems(result(ratios=ratios, artifact_bytes={"before": 1000, "as is": 1201}))
    assert [line.split(" is ")[0] for line in found] == [
        "mobilenet_v2: not asked", "mobilenet_v2: asked", "mobilenet_v2: artifact",
    ]  # fmt: skip
    assert problems(result(ratios=ratios) | {"quick": True}) == []
