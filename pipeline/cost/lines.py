"""Calculate the most that each step can cost, and what the endpoint behind it costs."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from pipeline.check.document import CheckedDefinition
from pipeline.check.functions import known_value
from pipeline.cost.prices import Prices
from pipeline.definition.node import Node, is_number
from pipeline.definition.steps import WrittenStep
from pipeline.job_scripts.searched import searched_by

MONTH_HOURS = 730
_ASKED_S = 1000  # of computing: what a serverless endpoint costs is said for so many seconds
DEFAULT_RUN_SECONDS = 86_400  # SageMaker's own limit, when a job sets none

_BUILT_IN_RULES = "sagemaker-debugger-rules"  # AWS runs these for nothing


@dataclass(frozen=True)
class CostLine:
    """A cost item. `amount` is None when it cannot be known; `what` then says why.

    `branches` are the conditions around the step; `cached` steps cost nothing when reused. `spot`:
    its machines are spot machines, and the amount is what they cost on demand.
    """

    step: str
    what: str
    amount: float | None
    cached: bool = False
    branches: tuple[tuple[str, bool], ...] = ()
    spot: bool = False


@dataclass(frozen=True)
class Machines:
    """A number of machines of one type with their disks."""

    type: str | None
    count: float
    gigabytes: float

    def text(self) -> str:
        """Format the machines as in `ml.m5.xlarge x 2`."""
        return f"{self.type or 'a machine'} x {self.count:g}"


@dataclass(frozen=True)
class Calculator:
    """A calculator of costs from prices and the definition that values are looked up in."""

    document: CheckedDefinition
    prices: Prices

    def lines(self) -> tuple[CostLine, ...]:
        """List what a run can cost, step by step."""
        return tuple(line for step in self.document.steps for line in self._step(step))

    def endpoints(self) -> tuple[CostLine, ...]:
        """List what endpoints cost a month, when they run all the time."""
        return tuple(line for step in self.document.steps for line in self._endpoint(step))

    def trials(self, step: WrittenStep) -> tuple[float, float]:
        """Return the training jobs of a tuning step at most, and how many of them at a time."""
        limits = step.arguments.at("HyperParameterTuningJobConfig", "ResourceLimits")
        trials = self._number(limits["MaxNumberOfTrainingJobs"]) or _combinations(step)
        return trials, self._number(limits["MaxParallelTrainingJobs"]) or trials

    def kept_seconds(self, step: WrittenStep) -> float | None:
        """Return how long a training step's machines stay for another; None if they do not."""
        return self._number(step.arguments["ResourceConfig"]["KeepAlivePeriodInSeconds"])

    def _step(self, step: WrittenStep) -> Iterator[CostLine]:
        if step.arguments["ProcessingResources"].exists:
            cluster = step.arguments.at("ProcessingResources", "ClusterConfig")
            machines, seconds = self._machines(cluster), self._seconds(step.arguments)
            yield self._job(step, "processing", machines, seconds)
        elif step.type == "Training":
            yield from self._training(step)
        elif step.type == "Tuning":
            yield self._tuning(step)
        elif step.type in ("Transform", "AutoML", "EMR", "EMRServerless"):
            what = f"{step.type}: the definition limits no time"
            yield self._line(step, what, None)

    def _training(self, step: WrittenStep) -> Iterator[CostLine]:
        seconds = self._seconds(step.arguments)
        for machines in self._groups(step.arguments["ResourceConfig"]):
            line = self._job(step, "training", machines, seconds)
            yield self._on_spot(line, step.arguments)
            if kept := self.kept_seconds(step):
                line = self._job(step, "training", machines, kept)
                yield self._line(step, f"kept for the next run's: {line.what}", line.amount)
        for rule in step.arguments["DebugRuleConfigurations"].items():
            if _BUILT_IN_RULES not in (rule["RuleEvaluatorImage"].text or ""):
                machines = self._machines(rule)
                line = self._job(step, "processing", machines, seconds)
                name = rule["RuleConfigurationName"].value
                yield self._line(step, f"debugger rule {name}: {line.what}", line.amount)

    def _tuning(self, step: WrittenStep) -> CostLine:
        limits = step.arguments.at("HyperParameterTuningJobConfig", "ResourceLimits")
        trials, at_once = self.trials(step)
        whole = self._number(limits["MaxRuntimeInSeconds"])
        one = step.arguments["TrainingJobDefinition"]
        jobs = ([one] if one.exists else []) + step.arguments["TrainingJobDefinitions"].items()
        lines = [self._trials(step, job, trials, at_once, whole) for job in jobs]
        known = [line for line in lines if line.amount is not None]
        if lines and len(known) == len(lines):
            return max(known, key=lambda line: line.amount or 0)
        return next((line for line in lines if line.amount is None), self._line(step, "?", None))

    def _trials(
        self, step: WrittenStep, job: Node, trials: float, at_once: float, whole: float | None
    ) -> CostLine:
        """Price all trials as if each were of this kind; `whole` limits their time together."""
        resources = job["HyperParameterTuningResourceConfig"]
        groups = self._groups(resources if resources.exists else job["ResourceConfig"])
        seconds = self._seconds(job)
        lines = [self._job(step, "training", machines, seconds) for machines in groups]
        amounts = [line.amount for line in lines]
        if any(amount is None for amount in amounts):
            return next(line for line in lines if line.amount is None)
        times = trials if whole is None else min(trials, at_once * whole / seconds)
        searched = searched_by(step.arguments.value)
        each = f", {len(searched.settings)} settings in all," if searched else ""
        what = f"{trials:g} trials{each} of {', '.join(line.what for line in lines)}"
        if whole is not None and times < trials:
            what += f", {hours(whole)} in all"
        line = self._line(step, what, sum(filter(None, amounts)) * times)
        return self._on_spot(line, job)

    def _on_spot(self, line: CostLine, job: Node) -> CostLine:
        spot = self._value(job["EnableManagedSpotTraining"]) is True
        return replace(line, what=f"{line.what}, spot", spot=True) if spot else line

    def _job(
        self, step: WrittenStep, component: str, machines: Machines, seconds: float
    ) -> CostLine:
        what = f"{machines.text()}, at most {hours(seconds)}"
        price = self.prices.per_hour[component].get(machines.type or "")
        if price is None:
            where = f"the {component} prices of {self.prices.region}"
            return self._line(step, f"{what}: {machines.type} is not in {where}", None)
        disk = machines.gigabytes * self.prices.per_gb_month[component] / MONTH_HOURS
        amount = (price + disk) * machines.count * seconds / 3600
        return self._line(step, what, amount)

    def _line(self, step: WrittenStep, what: str, amount: float | None) -> CostLine:
        cached = step.node["CacheConfig"]["Enabled"].value is True
        return CostLine(step.name, what, amount, cached, step.branches)

    def _endpoint(self, step: WrittenStep) -> Iterator[CostLine]:
        if step.type == "Lambda" and step.arguments["instance_type"].exists:
            arguments = step.arguments
            machines = Machines(
                self._text(arguments["instance_type"]),
                self._number(arguments["instance_count"]) or 1,
                0,
            )
            name = self._text(arguments["endpoint_name"]) or step.name
            yield self._month(step, f"endpoint {name}", machines)
        if step.type == "Lambda" and step.arguments["memory_size_mb"].exists:
            yield self._serverless(step)
        for variant in step.arguments["ProductionVariants"].items():
            if variant["InstanceType"].exists:
                count = self._number(variant["InitialInstanceCount"]) or 1
                disk = self._number(variant["VolumeSizeInGB"]) or 0
                machines = Machines(self._text(variant["InstanceType"]), count, disk)
                yield self._month(step, f"variant {variant['VariantName'].value}", machines)

    def _serverless(self, step: WrittenStep) -> CostLine:
        """Price a month in which nobody asks, and say what answers cost."""
        arguments, others = step.arguments, self.prices.others
        memory = self._number(arguments["memory_size_mb"]) or 0
        ready = self._number(arguments["provisioned_concurrency"])
        name = self._text(arguments["endpoint_name"]) or step.name
        what = f"endpoint {name}: serverless, {memory:g} MB"
        if (second := others.get("serverless_gb_second")) is None:
            return self._line(step, f"{what}: the price is not known", None)
        what += f"; {_ASKED_S:,} s of answers: {second * memory / 1024 * _ASKED_S:.2f}"
        if ready is None:
            return self._line(step, what, 0.0)
        price = others.get("serverless_ready_gb_second")
        what += f"; {ready:g} kept ready{'' if price else ', whose price is not known'}"
        month = None if price is None else price * memory / 1024 * ready * MONTH_HOURS * 3600
        return self._line(step, what, month)

    def _month(self, step: WrittenStep, name: str, machines: Machines) -> CostLine:
        line = self._job(step, "hosting", machines, MONTH_HOURS * 3600)
        what = line.what.replace(f", at most {hours(MONTH_HOURS * 3600)}", "")
        return self._line(step, f"{name}: {what}", line.amount)

    def _groups(self, config: Node) -> list[Machines]:
        """List the machines of a training job: of one type, or of several groups."""
        disk = self._number(config["VolumeSizeInGB"]) or 0
        groups = config["InstanceGroups"].items() or config["InstanceConfigs"].items()
        if not groups:
            return [self._machines(config)]
        found = [self._machines(group) for group in groups]
        return [Machines(group.type, group.count, group.gigabytes or disk) for group in found]

    def _machines(self, config: Node) -> Machines:
        return Machines(
            self._text(config["InstanceType"]),
            self._number(config["InstanceCount"]) or 1,
            self._number(config["VolumeSizeInGB"]) or 0,
        )

    def _seconds(self, job: Node) -> float:
        stop = job["StoppingCondition"]["MaxRuntimeInSeconds"]
        return self._number(stop) or DEFAULT_RUN_SECONDS

    def _number(self, node: Node) -> float | None:
        value = self._value(node)
        return value if is_number(value) and value > 0 else None

    def _text(self, node: Node) -> str | None:
        value = self._value(node)
        return value if isinstance(value, str) else None

    def _value(self, node: Node) -> Any:
        return known_value(self.document, node)


def _combinations(step: WrittenStep) -> int:
    """Count what a Grid search tries, whose definition tells no number: every combination."""
    ranges = step.arguments.at("HyperParameterTuningJobConfig", "ParameterRanges")
    lists = ranges["CategoricalParameterRanges"].items()
    return math.prod(len(one["Values"].items()) or 1 for one in lists)


def hours(seconds: float) -> str:
    """Format seconds as 2 h, 1.5 h or 40 min."""
    return f"{seconds / 3600:.3g} h" if seconds >= 3600 else f"{seconds / 60:.3g} min"
