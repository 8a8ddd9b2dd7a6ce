"""Price the most that a run can cost, and what is paid once and by the month around it."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.check.document import CheckedDefinition, read_document
from pipeline.check.rules.account import regions_of
from pipeline.command_line.documents import json_text
from pipeline.cost.around import check_lines, first_lines, month_at_most, month_lines
from pipeline.cost.lines import Calculator, CostLine, hours
from pipeline.cost.prices import Prices, StartTimes, load_prices
from pipeline.cost.starts import JobStarts, Starts, count_starts
from pipeline.definition.node import Node, one_line, printable
from pipeline.definition.parameters import bind_parameters
from pipeline.settings.model import Settings

_NAME, _WHAT = 18, 48  # widths of the columns


@dataclass(frozen=True)
class CostEstimate:
    """The most that a run can cost, in list prices, and what is paid once and by the month.

    `total` and `saved_by_cache` leave out lines without an amount; `complete` says whether there
    are none. `saved_by_cache` is what a run costs less when nothing has changed. `once` and all of
    production and storage need settings; `when_busy` is what production can cost more a month.
    `saved_by_spot` is what the price file's assumption about spot machines comes to, and `starts`
    the time its assumption about starts of jobs comes to: no promises.
    """

    lines: tuple[CostLine, ...]
    once: tuple[CostLine, ...]
    monthly: tuple[CostLine, ...]
    total: float
    saved_by_cache: float
    saved_by_spot: float
    per_month: float
    when_busy: float | None
    complete: bool
    currency: str
    region: str
    date: str
    notes: tuple[str, ...]
    starts: Starts | None = None


def estimate(
    definition: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    prices: Prices | None = None,
    settings: Settings | None = None,
    monitoring: Mapping[str, Any] | None = None,
) -> CostEstimate:
    """Price a run of a definition with these parameters; others have their defaults.

    With the `settings` it was compiled from, also what is made around it: production above all,
    and the checks of the `monitoring` pipeline, if there is one.
    Raises UsageError for a parameter that the definition lacks or that has another type, and for a
    price file that cannot be read.
    """
    prices = prices or load_prices()
    document = read_document(_with_parameters(definition, parameters or {}))
    calculator = Calculator(document, prices)
    lines, monthly = calculator.lines(), calculator.endpoints()
    once = tuple(first_lines(settings, prices)) if settings else ()
    monthly += tuple(month_lines(settings, prices)) if settings else ()
    if settings and monitoring:
        checks = Calculator(read_document(monitoring), prices).lines()
        monthly += tuple(check_lines(settings, checks))
    return CostEstimate(
        lines=lines,
        once=once,
        monthly=monthly,
        total=_largest_total(lines, ()),
        saved_by_cache=_largest_total([line for line in lines if line.cached], ()),
        saved_by_spot=_saved_by_spot(lines, prices),
        per_month=sum(line.amount or 0 for line in monthly),
        when_busy=month_at_most(settings, prices) if settings else None,
        complete=all(line.amount is not None for line in (*lines, *once, *monthly)),
        currency=prices.currency,
        region=prices.region,
        date=prices.date,
        notes=tuple(_notes(document, prices, any(line.spot for line in lines))),
        starts=count_starts(calculator, prices.starts),
    )


def estimate_text(cost: CostEstimate) -> str:
    """Format an estimate for people: a table of steps, the totals, and notes on them."""
    head = f"The most that a run can cost, in {cost.currency}:"
    least = "" if cost.complete else " at least"
    totals = [
        ("total", least.strip(), cost.total),
        ("", "of it saved by the cache when nothing changed", cost.saved_by_cache),
    ]
    if cost.saved_by_spot:
        totals.append(
            ("", "of it saved by spot machines, by the assumption below", cost.saved_by_spot)
        )
    rows = [_row(line) for line in cost.lines] + [_columns(*total) for total in totals]
    if cost.once:
        rows += ["Once besides:", *(_row(line) for line in cost.once)]
    if cost.monthly:
        rows += ["A month, with the endpoints running all the time:", *_month(cost)]
    if cost.starts and cost.starts.jobs:
        rows += ["Time before its scripts run:", *_starts(cost.starts)]
    return printable("\n".join([head, *rows, *(f"note: {note}" for note in cost.notes)]))


def estimate_json(cost: CostEstimate) -> str:
    """Format a whole estimate as JSON; amounts that are not known are null."""
    return json_text(cost)


def _with_parameters(definition: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the definition with the given values as defaults."""
    if not given:
        return dict(definition)
    declared = [
        node.value
        for node in Node(dict(definition))["Parameters"].items()
        if node["Name"].text is not None and node["Type"].text is not None
    ]
    valued = [one for one in declared if one["Name"] in given or "DefaultValue" in one]
    bound = bind_parameters(valued, given)
    parameters = [{**one, "DefaultValue": bound[one["Name"]]} for one in valued]
    return {**definition, "Parameters": parameters}


def _largest_total(lines: Sequence[CostLine], inside: tuple[tuple[str, bool], ...]) -> float:
    """Sum the lines within these branches, taking the dearer outcome of each condition."""
    depth = len(inside)
    total = sum(line.amount or 0 for line in lines if line.branches == inside)
    deeper = [one for one in lines if len(one.branches) > depth and one.branches[:depth] == inside]
    for condition in dict.fromkeys(line.branches[depth][0] for line in deeper):
        total += max(_largest_total(deeper, (*inside, (condition, side))) for side in (True, False))
    return total


def _saved_by_spot(lines: Sequence[CostLine], prices: Prices) -> float:
    discount = prices.spot.discount if prices.spot else 0
    return _largest_total([line for line in lines if line.spot], ()) * discount


def _notes(document: CheckedDefinition, prices: Prices, spot: bool) -> Iterator[str]:
    yield f"prices of {prices.region}, {prices.date}: {prices.source}; refresh: {prices.refresh}"
    if prices.spot and spot:
        yield (
            f"spot machines taken to be {prices.spot.discount:.0%} cheaper ({prices.spot.date}): "
            f"{prices.spot.source}; what is done twice after an interruption is not counted"
        )
    if prices.starts:
        yield _start_times(prices.starts)
    other = sorted(regions_of(document) - {prices.region})
    if other:
        yield (
            f"the pipeline is in {', '.join(other)}, the prices are of {prices.region}: "
            f"refresh them with --refresh --region {other[0]}"
        )
    attempts = [
        policy["MaxAttempts"].number or 0
        for step in document.steps
        for policy in step.node["RetryPolicies"].items()
    ]
    if attempts and max(attempts) > 1:
        yield f"when AWS itself fails, a step is tried up to {max(attempts):g} times; not counted"
    yield "not counted: traffic, logs, alarms, Lambda, instances during a deployment"


def _month(cost: CostEstimate) -> Iterator[str]:
    yield from (_row(line) for line in cost.monthly)
    yield _columns("total", "", cost.per_month)
    if cost.when_busy:
        yield _columns("", "more when autoscaling is at its limit all the time", cost.when_busy)


def _start_times(times: StartTimes) -> str:
    each = {hours(times.processing_seconds), hours(times.training_seconds)}
    return f"a job taken to start in {' or '.join(sorted(each))} ({times.date}): {times.source}"


def _starts(starts: Starts) -> Iterator[str]:
    for one in starts.steps:
        yield _timed(one.step, _jobs(one), one.seconds)
    yield _timed("all", f"{starts.jobs} jobs; of steps that wait for another", starts.seconds)


def _jobs(one: JobStarts) -> str:
    if one.jobs > 1:
        return f"{one.jobs} jobs in {one.in_turn} turn{'s' * (one.in_turn > 1)}"
    warm = "" if one.warm_seconds is None else f"; kept warm: {hours(one.warm_seconds)}"
    return f"1 job{warm}"


def _timed(name: str, what: str, seconds: float) -> str:
    return _columns(name, what, hours(seconds))


def _row(line: CostLine) -> str:
    return _columns(line.step, line.what + (", cached" if line.cached else ""), line.amount)


def _columns(name: str, what: str, amount: float | str | None) -> str:
    """Format a row of at most 80 characters; what is wider goes on in the next line."""
    known = f"{amount:,.2f}" if isinstance(amount, int | float) else amount
    text = "unknown" if known is None else known
    name = one_line(name)
    lines = textwrap.wrap(one_line(what), _WHAT, break_on_hyphens=False) or [""]
    begin = [f"  {name}"] if len(name) > _NAME else []
    names = [name if not begin else "", *[""] * (len(lines) - 1)]
    rows = [f"  {one:<{_NAME}} {line}" for one, line in zip(names, lines, strict=True)]
    return "\n".join([*begin, *rows[:-1], f"{rows[-1]:<{_NAME + _WHAT + 3}} {text:>10}"])
