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
        ("maximum_per_run", "a run", budget.maximum_per_run, cost.total, cost.lines),
        ("maximum_per_month", "a month", budget.maximum_per_month, cost.per_month, cost.monthly),
    )
    for name, what, most, amount, lines in sums:
        if most is not None:
            yield from _compared(f"cost.{name}", what, most, amount, lines, cost.currency)


def _compared(
    key: str, what: str, most: float, amount: float, lines: Sequence[CostLine], currency: str
) -> Iterator[Finding]:
    unknown = [line for line in lines if line.amount is None]
    least = "at least " if unknown else ""
    if round(amount, 2) > most:
        text = f"{what} can cost {least}{amount:,.2f} {currency}, and {most:,.2f} is the most"
        yield Finding("budget", "error", "", key, text, f"change what costs, or {key}; {_SEE}")
    elif unknown:
        text = f"{what} costs {least}{amount:,.2f} {currency}: {unknown[0].step} has no known price"
        yield Finding("budget", "warning", "", key, text, _SEE)
