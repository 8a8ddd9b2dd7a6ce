"""Where a run's outputs are, whichever step wrote them."""

from typing import Any

import pytest

from pipeline.report.sources.facts import EXTRACT_FEATURES, PREPARE, Facts
from pipeline.report.sources.source import Absent


def facts(*steps: str, **outputs: str) -> Facts:
    """An execution of a definition with these steps, whose jobs wrote to step=address."""
    jobs: dict[str, Any] = {
        step: {
            "ProcessingJobStatus": "Completed",
            "ProcessingOutputConfig": {
                "Outputs": [{"OutputName": "features", "S3Output": {"S3Uri": uri}}]
            },
        }
        for step, uri in outputs.items()
    }
    definition = {"Steps": [{"Name": name, "Type": "Processing"} for name in steps]}
    return Facts({}, definition, {}, {}, jobs)


def test_features_are_where_the_step_of_their_own_wrote_them() -> None:
    both = facts(PREPARE, EXTRACT_FEATURES, Prepare="s3://b/p", ExtractFeatures="s3://b/x")
    assert both.output(EXTRACT_FEATURES, "features") == "s3://b/x"


def test_features_are_prepares_where_that_is_the_only_step() -> None:
    assert facts(PREPARE, Prepare="s3://b/p").output(EXTRACT_FEATURES, "features") == "s3://b/p"


def test_features_that_are_not_there_yet_are_nobodys() -> None:
    with pytest.raises(Absent, match="step ExtractFeatures did not run"):
        facts(PREPARE, EXTRACT_FEATURES, Prepare="s3://b/p").output(EXTRACT_FEATURES, "features")
