"""A budget that is exceeded fails the check; what cannot be priced is said."""

import dataclasses

import pytest

from pipeline.cost.budget import budget_findings
from pipeline.cost.estimate import CostEstimate, estimate
from pipeline.cost.lines import CostLine
from tests.pipeline.cost.test_estimate import PRICES, pipeline, settings_of, training

LINE = CostLine("Train", "a machine", 1.0)
PRICELESS = CostLine("Tune", "a machine nobody knows", None)


def costs(run: float, month: float, *lines: CostLine) -> CostEstimate:
    cost = estimate(pipeline(training()), prices=PRICES)
    return dataclasses.replace(
        cost, total=run, per_month=month, lines=lines or (LINE,), monthly=lines or (LINE,)
    )


@pytest.mark.parametrize(
    ("budget", "cost", "found"),
    [
        ("{}", costs(1000, 1000), []),
        ("{maximum_per_run: 10}", costs(10.004, 1000), []),
        ("{maximum_per_run: 10}", costs(10.01, 0), [("error", "cost.maximum_per_run")]),
        ("{maximum_per_month: 10}", costs(1000, 10), []),
        ("{maximum_per_month: 10.5}", costs(0, 10.6), [("error", "cost.maximum_per_month")]),
        (
            "{maximum_per_run: 0, maximum_per_month: 0}",
            costs(1, 1),
            [("error", "cost.maximum_per_run"), ("error", "cost.maximum_per_month")],
        ),
        # what is known may fit, and nobody knows whether all does
        ("{maximum_per_run: 10}", costs(5, 0, PRICELESS), [("warning", "cost.maximum_per_run")]),
        ("{maximum_per_run: 10}", costs(11, 0, PRICELESS), [("error", "cost.maximum_per_run")]),
    ],
)
def test_what_exceeds_a_budget_is_an_error(
    budget: str, cost: CostEstimate, found: list[tuple[str, str]]
) -> None:
    findings = list(budget_findings(settings_of(f"cost={budget}"), cost))
    assert [(one.severity, one.path) for one in findings] == found


def test_it_says_how_much_of_how_much() -> None:
    (finding,) = budget_findings(settings_of("cost.maximum_per_run=10"), costs(1234.5, 0))
    assert finding.what == "a run can cost 1,234.50 USD, 1,224.50 more than it may"
