"""What watching a training costs is compared round by round."""

import pytest

from benchmarks.debugging import _compare, table


def test_each_round_is_compared_with_its_own_unwatched_training() -> None:
    off = [{"wall": 1.0, "cpu": 1.0, "own": 0.0}, {"wall": 2.0, "cpu": 2.0, "own": 0.0}]
    hook = [{"wall": 1.1, "cpu": 1.2, "own": 0.1}, {"wall": 2.2, "cpu": 2.2, "own": 0.2}]
    found = _compare({"off": off, "hook": hook})
    assert found["seconds"] == 1.5
    assert list(found["more"]) == ["hook"]
    assert found["more"]["hook"]["wall"]["median"] == pytest.approx(0.1)
    assert found["more"]["hook"]["cpu"]["max"] == pytest.approx(0.2)
    assert found["more"]["hook"]["own"]["median"] == pytest.approx(0.1)
    printed = table({"parts": {"head": found | {"steps": 7}}})
    assert "head, 7 steps in 1.5 s: hook" in printed
    assert "+10.0%" in printed
