"""Compare what a definition costs with the budget of its settings."""

from collections.abc import Iterator, Sequence

from pipeline.check.findings import Finding
from pipeline.cost.estimate import CostEstimate
from pipeline.cost.lines import CostLine
from pipeline.settings.model import Settings

_SEE = "python -m pipeline.run --cost shows what costs how much"


def budget_findings(settings: Settings, cost: CostEstimate) -> Iterator[Finding]:
    """Yield an error for what exceeds the budget, a warning for what cannot be compared with it."""
    budget = settings.cost
    sums = (
        ("run", budget.maximum_per_run, cost.total, cost.lines),
        ("month", budget.maximum_per_month, cost.per_month, cost.monthly),
    )
    for what, most, amount, lines in sums:
        if most is not None:
            unknown = [line for line in lines if line.amount is None]
            least = "at least " if unknown else ""
            text = f"a {what} can cost {least}{amount:,.2f} {cost.currency}"
            yield from _compared(f"cost.maximum_per_{what}", text, round(amount, 2) - most, unknown)


def _compared(key: str, text: str, over: float, unknown: Sequence[CostLine]) -> Iterator[Finding]:
    """Judge an amount, in words, that is so much `over` its limit, with lines of unknown price."""
    if over > 0:
        mend = f"change what costs, or {key}; {_SEE}"
        yield Finding("budget", "error", "", key, f"{text}, {over:,.2f} more than it may", mend)
    elif unknown:
        what = f"{text}, as far as is known: {unknown[0].step} has no known price"
        yield Finding("budget", "warning", "", key, what, _SEE)
