"""List every rule, in the order they run. A new one: write it in a file here, add it to RULES."""

from pipeline.check.rules import (
    account,
    algorithms,
    backbone,
    card,
    debugger,
    deploy,
    gate,
    images,
    jobs,
    metrics,
    names,
    network,
    order,
    scripts,
    tuning,
)
from pipeline.check.rules.rule import Rule

RULES: tuple[Rule, ...] = (
    *names.RULES,
    *metrics.RULES,
    *tuning.RULES,
    *algorithms.RULES,
    *order.RULES,
    *gate.RULES,
    *jobs.RULES,
    *images.RULES,
    *scripts.RULES,
    *backbone.RULES,
    *debugger.RULES,
    *deploy.RULES,
    *account.RULES,
    *network.RULES,
    *card.RULES,
)
