"""Find what a profile says should be changed: each rule is a function of the measurements.

Rules are named after Debugger's built-in profiler rules, with their defaults where they match, as
of the package smdebug-rulesconfig 1.0.1; those look at machines with a GPU only.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from profiler.steps import PARTS

if TYPE_CHECKING:  # psutil is there only where something is measured
    from profiler.system import Sample

MINIMUM_SECONDS = 1.0  # of steps in a phase: less is over before anything could be gained
MINIMUM_STEPS = 20
MINIMUM_SAMPLES = 10
DATA_SHARE = 0.3  # own choice: of a step's time
OVERHEAD_SHARE = 0.5  # own choice: of a step's time, with steps below
SHORT_STEP_S = 0.005
HOOK_SHARE = 0.05
IO_WAIT_PERCENT = 20.0  # own choice: mean of all cores
IO_WAIT_BUSY, IDLE_GPU, BUSY_CPU, BOTTLENECK_SHARE = 50.0, 10.0, 90.0, 0.5  # IOBottleneck, CPU...
LOW_P95, LOW_P5 = 70.0, 10.0  # LowGPUUtilization, BatchSize
OUTLIER_DEVIATIONS = 3.0  # StepOutlier
OUTLIER_SHARE = 0.1  # own choice: of the phase's time, so that only what costs something is told
LONG_PHASE_S = 60.0
GROWTH_SHARE, GROWTH_BYTES, GROWTH_SECONDS = 0.05, 50_000_000, 20.0  # GPUMemoryIncrease: 5 %
_WINDOWS = 5


@dataclass(frozen=True)
class MeasuredPhase:
    """A measured phase: `table` has seconds of single steps (steps, PARTS), `seconds` their sums.

    `start` and `end` are on the clock of the samples; `marks` is how often a clock was read.
    `on_gpu`: its steps ran on the GPU, and not on the CPU of a machine that may have one.
    """

    name: str
    steps: int
    seconds: dict[str, float]
    table: NDArray[np.float32]
    start: float
    end: float
    marks: int = 0
    on_gpu: bool = False

    @property
    def total(self) -> float:
        """Seconds spent in steps."""
        return sum(self.seconds.values())

    @property
    def judged(self) -> bool:
        """Whether the phase has enough steps and seconds to say anything."""
        return self.steps >= MINIMUM_STEPS and self.total >= MINIMUM_SECONDS


@dataclass(frozen=True)
class Measured:
    """All measurements that findings are made from.

    `batch_size` is None where every step sees all pictures: there is no larger one.
    """

    phases: Sequence[MeasuredPhase]
    samples: "Sequence[Sample]"
    batch_size: int | None
    cores: int

    @property
    def busy(self) -> "list[Sample]":
        """The samples taken while steps ran; none when there are too few of them."""
        return _samples_within(self.phases, self.samples)

    @property
    def gpu_busy(self) -> "list[Sample]":
        """The samples of the GPU taken while steps ran on it; none when there are too few."""
        phases = [phase for phase in self.phases if phase.on_gpu]
        return _samples_within(phases, [s for s in self.samples if s.gpu_percent is not None])

    @property
    def has_gpu(self) -> bool:
        """Whether the machine has a GPU, used or not."""
        seen = any(sample.gpu_percent is not None for sample in self.samples)
        return seen or any(phase.on_gpu for phase in self.phases)


@dataclass(frozen=True)
class ProfileFinding:
    """A rule's finding: `message` tells what was seen, `advice` what to change.

    `settings` of pipeline.yaml, `key=value`, change it; none where it is no setting's matter.
    """

    rule: str
    severity: Literal["info", "warning"]
    message: str
    advice: str
    numbers: dict[str, float] = field(default_factory=dict)
    settings: tuple[str, ...] = ()


def find(measured: Measured) -> list[ProfileFinding]:
    """Return everything worth telling, in the order of RULES."""
    return [finding for rule in RULES for finding in rule(measured)]


def data_loader_bottleneck(measured: Measured) -> Iterator[ProfileFinding]:
    """Find steps that wait for their batch."""
    for phase in _judged_phases(measured):
        waited = phase.seconds["data"]
        share = waited / phase.total
        if share >= DATA_SHARE:
            yield ProfileFinding(
                "DataLoaderBottleneck",
                "warning",
                f"{phase.name}: {share:.0%} of the time of {phase.steps} steps ({waited:.1f} s of"
                f" {phase.total:.1f} s) was waiting for batches",
                "prepare batches beside the training: more cores for the job (instances.training),"
                f" or fewer or cheaper pictures a step; at most {waited:.0f} s can be saved",
                {"data_share": share, "data_seconds": waited, "cores": measured.cores},
                _MORE_CORES,
            )


def cpu_bottleneck(measured: Measured) -> Iterator[ProfileFinding]:
    """Find a GPU that idles beside a busy CPU; without a GPU, a long training on busy cores."""
    if samples := measured.gpu_busy:
        held = [s.system_cpu_percent >= BUSY_CPU and _gpu(s) <= IDLE_GPU for s in samples]
        share = float(np.mean(held))
        if share >= BOTTLENECK_SHARE:
            yield ProfileFinding(
                "CPUBottleneck",
                "warning",
                f"in {share:.0%} of {len(samples)} samples the CPU was above {BUSY_CPU:.0f} % while"
                f" the GPU was at {IDLE_GPU:.0f} % or less",
                "an instance with more cores for each GPU, or work moved to the GPU",
                {"share": share, "samples": len(samples), "cores": measured.cores},
                _MORE_CORES_A_GPU,
            )
    samples = measured.busy
    if measured.has_gpu or not samples:
        return
    mean = float(np.mean([sample.cpu_percent for sample in samples]))
    longest = max(measured.phases, key=lambda phase: phase.total)
    compute = longest.seconds["forward"] + longest.seconds["backward"]
    if mean >= BUSY_CPU and longest.total >= LONG_PHASE_S and compute >= longest.total / 2:
        yield ProfileFinding(
            "CPUBottleneck",
            "info",
            f"{longest.name}: {measured.cores} cores were busy ({mean:.0f} %) for"
            f" {longest.total:.0f} s, {compute / longest.total:.0%} of it in the network itself",
            "a GPU (instances.training.type, say ml.g5.xlarge) or an instance with more cores",
            {"cpu_percent": mean, "seconds": longest.total, "cores": measured.cores},
            ("instances.training.type=ml.g5.xlarge",),
        )


def gpu_not_used(measured: Measured) -> Iterator[ProfileFinding]:
    """Find a GPU on which nothing is trained: the head alone never needs one."""
    phases = measured.phases
    if _judged_phases(measured) and measured.has_gpu and not any(phase.on_gpu for phase in phases):
        steps, seconds = sum(phase.steps for phase in phases), sum(phase.total for phase in phases)
        yield ProfileFinding(
            "GPUNotUsed",
            "warning",
            f"the GPU was not used: all {steps} steps ({seconds:.1f} s) ran on the CPU, as those of"
            " the head always do",
            "an instance without a GPU (instances.training.type) would do; fine-tuning"
            " (fine_tune_blocks) would use one",
            {"steps": steps, "seconds": seconds},
            ("instances.training.type=ml.m5.2xlarge",),
        )


def low_gpu_utilisation(measured: Measured) -> Iterator[ProfileFinding]:
    """Find a GPU whose load is never high, or goes up and down."""
    samples = measured.gpu_busy
    if not samples:
        return
    low, high = np.percentile([_gpu(sample) for sample in samples], [5, 95])
    numbers = {"p5": float(low), "p95": float(high), "samples": float(len(samples))}
    if high < LOW_P95:
        what = f"the GPU's load stayed below {high:.0f} % in 95 % of {len(samples)} samples"
        mend = "a larger batch_size, or a smaller instance (instances.training.type)"
        larger = _larger_batches(measured.batch_size)
        yield ProfileFinding("LowGPUUtilization", "warning", what, mend, numbers, larger)
    elif low < LOW_P5:
        what = f"the GPU's load goes up and down: 5 % of samples below {low:.0f} %, 5 % above"
        mend = "see what the steps wait for (parts of a step), and prepare batches ahead"
        text = f"{what} {high:.0f} %"
        yield ProfileFinding("LowGPUUtilization", "info", text, mend, numbers, _MORE_CORES_A_GPU)


def batch_size_too_small(measured: Measured) -> Iterator[ProfileFinding]:
    """Find a machine that a batch does not fill, or steps that are mostly their own overhead."""
    size = measured.batch_size
    if size is None:
        return
    mend = f"a batch_size above {size}, with the learning rate tuned again"
    larger = _larger_batches(size)
    samples = measured.gpu_busy
    if samples:
        columns = {
            "cpu_p95": [sample.system_cpu_percent for sample in samples],
            "gpu_p95": [_gpu(sample) for sample in samples],
            "gpu_memory_p95": [_gpu_memory(sample) for sample in samples],
        }
        numbers = {name: float(np.percentile(each, 95)) for name, each in columns.items()}
        if max(numbers.values()) < LOW_P95:
            what = f"with batches of {size}, 95 % of samples show CPU, GPU and its memory below"
            text = f"{what} {LOW_P95:.0f} %"
            numbers |= {"batch_size": size}
            yield ProfileFinding("BatchSizeTooSmall", "warning", text, mend, numbers, larger)
    for phase in _judged_phases(measured):
        if samples and phase.on_gpu:  # its samples are judged above
            continue
        overhead = (phase.seconds["optimizer"] + phase.seconds["other"]) / phase.total
        step = float(np.median(phase.table.sum(axis=1)))
        if overhead >= OVERHEAD_SHARE and step < SHORT_STEP_S:
            yield ProfileFinding(
                "BatchSizeTooSmall",
                "info",
                f"{phase.name}: a step of {size} takes {1000 * step:.1f} ms, and {overhead:.0%} of"
                " that is the optimizer and what is done once a step",
                mend,
                {"overhead_share": overhead, "step_seconds": step, "batch_size": size},
                larger,
            )


def io_wait(measured: Measured) -> Iterator[ProfileFinding]:
    """Find cores or a GPU that have nothing to do but wait for a disk."""
    samples = measured.busy
    if not samples:
        return
    mean = float(np.mean([sample.io_wait_percent for sample in samples]))
    held = [s.io_wait_percent >= IO_WAIT_BUSY and _gpu(s) <= IDLE_GPU for s in measured.gpu_busy]
    share = float(np.mean(held)) if held else 0.0
    if mean >= IO_WAIT_PERCENT or share >= BOTTLENECK_SHARE:
        read = samples[-1].disk_read_bytes
        yield ProfileFinding(
            "IOWait",
            "warning",
            f"cores waited for a disk for {mean:.0f} % of the time; {read / 1e6:,.0f} MB were read",
            "more memory, so that the data stays in it (instances.training.type), or a larger"
            " volume (instances.training.volume_gb), which is also a faster one",
            {"io_wait_percent": mean, "disk_read_bytes": read, "samples": len(samples)},
            ("instances.training.volume_gb=200",),
        )


def step_outlier(measured: Measured) -> Iterator[ProfileFinding]:
    """Find steps that take far longer than most, when together they cost something."""
    for phase in _judged_phases(measured):
        table = phase.table[1:]  # step 1 sets things up: row 0 here is step 2
        whole = table.sum(axis=1)
        limit = whole.mean() + OUTLIER_DEVIATIONS * whole.std()
        slow = np.flatnonzero(whole > limit)
        lost = float((whole[slow] - np.median(whole)).sum())
        if lost < OUTLIER_SHARE * phase.total:
            continue
        usual = np.median(table, axis=0)
        part = PARTS[int((table[slow] - usual).sum(axis=0).argmax())]
        at = ", ".join(str(int(row) + 2) for row in slow[:5])
        more = ", ..." if len(slow) > 5 else ""
        yield ProfileFinding(
            "StepOutlier",
            "warning",
            f"{phase.name}: {len(slow)} of {phase.steps} steps took longer than {limit:.3f} s (the"
            f" median is {np.median(whole):.3f} s) and cost {lost:.1f} s, most of it in {part}:"
            f" steps {at}{more}",
            _OUTLIER_ADVICE.get(part, "look at what else runs on the machine at these steps"),
            {"steps": len(slow), "seconds": lost, "limit": float(limit), "first": int(slow[0]) + 2},
            _OUTLIER_SETTINGS.get(part, ()),
        )


def memory_growth(measured: Measured) -> Iterator[ProfileFinding]:
    """Find memory that grows through the whole training, which ends when there is none left."""
    kinds = {
        "memory": [(s.seconds, float(s.own_memory_bytes)) for s in measured.busy],
        "GPU memory": [(s.seconds, float(s.gpu_memory_bytes or 0)) for s in measured.gpu_busy],
    }
    for kind, taken in kinds.items():
        seconds, values = [moment for moment, _ in taken], [value for _, value in taken]
        if not seconds or seconds[-1] - seconds[0] < GROWTH_SECONDS:
            continue
        means = [float(window.mean()) for window in np.array_split(values, _WINDOWS)]
        steps = np.diff(means[1:])  # the first window is where things are loaded
        grown = means[-1] - means[1]
        floor = max(GROWTH_SHARE * means[1], GROWTH_BYTES)
        if grown < floor or steps.min() < floor / (2 * len(steps)):
            continue
        rate = grown / ((seconds[-1] - seconds[0]) * (_WINDOWS - 2) / _WINDOWS)
        yield ProfileFinding(
            "MemoryGrowth",
            "warning",
            f"{kind} grew all the time: by {grown / 1e6:,.0f} MB to {means[-1] / 1e6:,.0f} MB,"
            f" {60 * rate / 1e6:,.0f} MB a minute",
            "look for what is kept from step to step: losses that are added up with their graph"
            " (use .item() or .detach()), lists that grow, caches without a limit",
            {"grown_bytes": grown, "bytes_per_second": rate, "last_bytes": means[-1]},
            _MORE_CORES,  # and so more memory, until the reason is found
        )


def hook_cost(measured: Measured) -> Iterator[ProfileFinding]:
    """Find debugging that slows the training down."""
    for phase in _judged_phases(measured):
        spent = phase.seconds["hook"]
        share = spent / phase.total
        if share >= HOOK_SHARE:
            yield ProfileFinding(
                "HookCost",
                "warning",
                f"{phase.name}: saving tensors took {share:.0%} of the time ({spent:.1f} s)",
                "a larger debugger.save_interval",
                {"hook_share": share, "hook_seconds": spent},
                _RARER_TENSORS,
            )


_MORE_CORES = ("instances.training.type=ml.m5.4xlarge",)
_MORE_CORES_A_GPU = ("instances.training.type=ml.g5.4xlarge",)
_RARER_TENSORS = ("debugger.save_interval=1000",)
_OUTLIER_SETTINGS = {
    "data": _MORE_CORES,
    "hook": _RARER_TENSORS,
    "transfer": ("training.fine_tune_views=4",),
}
_OUTLIER_ADVICE = {
    "data": "read and prepare batches ahead; see whether the data lies on a slow disk",
    "hook": "a larger debugger.save_interval: these are the steps whose tensors were saved",
    "transfer": "batches in pinned memory, copied ahead of the step that needs them",
}

RULES: tuple[Callable[[Measured], Iterator[ProfileFinding]], ...] = (
    data_loader_bottleneck,
    cpu_bottleneck,
    gpu_not_used,
    low_gpu_utilisation,
    batch_size_too_small,
    io_wait,
    step_outlier,
    memory_growth,
    hook_cost,
)


def _larger_batches(size: int | None) -> tuple[str, ...]:
    """Return the setting that has the tuner try larger batches than `size`."""
    if size is None:
        return ()
    return (f"tuning.ranges.batch_size.values=[{2 * size}, {4 * size}]",)


def _samples_within(phases: Sequence[MeasuredPhase], samples: "Sequence[Sample]") -> "list[Sample]":
    """Return the samples taken in one of the phases; none when there are too few of them."""
    found = [s for s in samples if any(p.start <= s.seconds <= p.end for p in phases)]
    return found if len(found) >= MINIMUM_SAMPLES else []


def _judged_phases(measured: Measured) -> list[MeasuredPhase]:
    return [phase for phase in measured.phases if phase.judged]


def _gpu(sample: "Sample") -> float:
    return 0.0 if sample.gpu_percent is None else sample.gpu_percent


def _gpu_memory(sample: "Sample") -> float:
    return 100.0 * (sample.gpu_memory_bytes or 0) / (sample.gpu_memory_total or 1)
