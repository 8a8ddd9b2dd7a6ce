"""A training that explodes, and one that does not."""

from pathlib import Path

import pytest
from torch import nn

pytest.importorskip("smdebug")

from tests.training_code.debugger.rule_support import blobs, judge, layers, train

pytestmark = pytest.mark.usefixtures("rules_at_once")


def test_a_huge_learning_rate_explodes_and_a_usual_one_does_not(tmp_path: Path) -> None:
    widths = (8, 16, 16, 3)
    bad = train(tmp_path / "bad", layers(nn.ReLU, widths), blobs(30), lr=1e12, epochs=6)
    good = train(tmp_path / "good", layers(nn.ReLU, widths), blobs(30), epochs=6)
    outcome = judge(bad, "ExplodingTensor")
    assert outcome.status == "IssuesFound"
    assert outcome.step is not None
    assert "not finite" in outcome.message
    assert judge(bad, "ExplodingTensor", collection_names="losses", only_nan="True").tensor == (
        "CrossEntropyLoss_output_0"
    )
    assert judge(good, "ExplodingTensor").status == "NoIssuesFound"
    assert "is nan" in judge(bad, "LossNotDecreasing", num_steps="2").message
