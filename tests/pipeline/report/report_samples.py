"""Reports for the tests: a full one of few or many classes, a failed one, one with bad values."""

import io
import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from PIL import Image

from pipeline.comparing.coverage import Coverage, CoveragePoint, Promise
from pipeline.comparing.differences import Difference
from pipeline.comparing.intervals import Interval
from pipeline.comparing.measured import (
    AccuracyDifference,
    MeasuredDifference,
    Measurements,
    PairedCounts,
)
from pipeline.report.advice import Adviser
from pipeline.report.comparison import RunComparison
from pipeline.report.contents import Run, RunReport
from pipeline.report.importance import Importance
from pipeline.report.sections.before import Before
from pipeline.report.sections.dataset import Dataset, Duplicate, Refused, Remark
from pipeline.report.sections.evaluation import (
    CalibrationBin,
    ClassQuality,
    ConfusedPair,
    Evaluation,
    Mistake,
)
from pipeline.report.sections.files import MetricFile
from pipeline.report.sections.gains import FineTuningGain, Gains, TuningGain
from pipeline.report.sections.history import Epoch, History
from pipeline.report.sections.model import Layer, Model
from pipeline.report.sections.profile import Profile, ProfiledPhase, ProfileFinding
from pipeline.report.sections.rare_classes import rare_classes
from pipeline.report.sections.reproduction import Reproduction
from pipeline.report.sections.rules import Rule, Rules
from pipeline.report.sections.steps import ReportedStep
from pipeline.report.sections.tensors import Series, Tensors
from pipeline.report.sections.tuning import Trial, Tuning

START = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>"
CLASSES = ("giraffe", "ladybird", "leopard", HOSTILE, "tiger --> $x_$ {{ 7 * 7 }}", "zebra")


def many_classes(count: int) -> tuple[str, ...]:
    """Names as long as those of dog breeds are."""
    first = ("American", "Black_and_tan", "Chesapeake_Bay", "English", "Soft_coated", "Toy")
    second = ("terrier", "retriever", "spaniel", "hound", "sheepdog")
    return tuple(f"{n + 1:03d}.{first[n % 6]}_{second[n // 6 % 5]}_{n // 30}" for n in range(count))


def full_report(classes: tuple[str, ...] = CLASSES, layers: int = 2) -> RunReport:
    """A run that succeeded, with everything in it."""
    rng = random.Random(len(classes))  # noqa: S311
    values: dict[str, Any] = {
        "steps": some_steps(),
        "tuning": a_tuning(rng),
        "history": History(a_history(), best_epoch=9),
        "tensors": some_tensors(rng, layers),
        "rules": some_rules(),
        "profile": a_profile(rng),
        "evaluation": an_evaluation(classes, rng),
        "dataset": a_dataset(classes, rng),
        "model": a_model(),
        "reproduction": a_reproduction(),
        "before": a_before(classes),
        "gains": some_gains(),
        "files": (
            MetricFile("metrics/Train.csv", "every epoch of the training", 12),
            MetricFile("metrics/Tune.csv", "every trial", 8),
        ),
    }
    values["rare_classes"] = rare_classes(
        "sqrt",
        values["dataset"],
        values["evaluation"],
        dict.fromkeys(classes[::2], 0.7),
        values["before"],
    )
    return RunReport(a_run("Succeeded"), values)


def failed_report() -> RunReport:
    """A run that failed in Prepare: nothing else is there."""
    reason = "ClientError: 3 files of 12 are no pictures; see refused in dataset.json\n" * 3
    names = ("tuning", "history", "tensors", "rules", "profile", "evaluation", "dataset", "model")
    return RunReport(
        run=a_run("Failed", failure=reason, endpoint=None, model_package=None, approval=None),
        values={
            "steps": (
                ReportedStep("Prepare", "Processing", "Failed", START, 1.8, failure=reason),
                ReportedStep("Train", "Training", "NotStarted", depends_on=("Prepare",)),
            ),
        },
        missing=dict.fromkeys(names, "Prepare failed before it"),
    )


def empty_report() -> RunReport:
    """A run that has not begun anything."""
    return RunReport(run=Run("abc123", "arn:aws:x", "dog-breeds", "aws", "Executing"))


def diverged_report() -> RunReport:
    """A training whose loss became NaN and whose gradients exploded."""
    bad = (1.0, math.inf, math.nan, 1e300, -1e-320)
    series = tuple(Series(f"layer{n}", (0, 10, 20, 30, 40), bad) for n in range(9))
    epochs = tuple(Epoch(n, v, 0.1, v, 0.1) for n, v in enumerate(bad, start=1))
    tensors = Tensors(
        "s3://x", 9, 5, series, series[:2], (Series("loss", (0, 10, 20, 30, 40), bad),)
    )
    trials = (
        Trial(1, "t1", "Failed", {"lr": "9"}, failure="the loss is NaN"),
        Trial(2, "t2", "Completed", {"lr": "nan"}, math.nan, math.inf),
    )
    shares = (Importance("lr", math.nan),)
    tuning = Tuning("tune", "valid_loss", False, "Bayesian", trials, "t2", shares)
    values = {"tuning": tuning, "history": History(epochs), "tensors": tensors}
    return RunReport(a_run("Failed"), values)


def a_run(status: str, **changes: Any) -> Run:
    values: dict[str, Any] = {
        "started": START,
        "ended": START + timedelta(seconds=95.4),
        "seconds": 95.4,
        "endpoint": "dog-breeds-staging",
        "model_package": "arn:aws:sagemaker:us-east-1:111122223333:model-package/dog-breeds/7",
        "approval": "PendingManualApproval",
        **changes,
    }
    arn = "arn:aws:sagemaker:us-east-1:111122223333:pipeline/dog-breeds/execution/zo1hya3po8f4"
    return Run("zo1hya3po8f4", arn, "dog-breeds", "local", status, **values)


def some_steps() -> tuple[ReportedStep, ...]:
    def at(seconds: float) -> datetime:
        return START + timedelta(seconds=seconds)

    return (
        ReportedStep("Prepare", "Processing", "Succeeded", at(0), 18, cached_from="aa11bb22cc33"),
        ReportedStep("ExtractFeatures", "Processing", "Succeeded", at(18), 41, ("Prepare",)),
        ReportedStep(
            "Tune", "Tuning", "Succeeded", at(59), 16, ("ExtractFeatures",), detail="trials 8/8"
        ),
        ReportedStep(
            "Train", "Training", "Succeeded", at(75), 11, ("Tune", "ExtractFeatures", "Prepare")
        ),
        ReportedStep("FindChampion", "Lambda", "Succeeded", at(0), 0.4),
        ReportedStep("Evaluate", "Processing", "Succeeded", at(86), 7, ("Train", "FindChampion")),
        ReportedStep(
            "Gate", "Condition", "Succeeded", at(93), 0.0, ("Evaluate",), detail="outcome: True"
        ),
        ReportedStep(
            "Register", "RegisterModel", "Succeeded", at(93), 0.1, branch=("Gate", "True")
        ),
        ReportedStep(
            "Deploy", "Lambda", "Succeeded", at(93.2), 2.2, ("Register",), ("Gate", "True")
        ),
        ReportedStep("AccuracyTooLow", "Fail", "Skipped", branch=("Gate", "False")),
    )


def a_tuning(rng: random.Random) -> Tuning:
    trials, best = [], 0.0
    for number in range(1, 9):
        value = None if number == 5 else round(rng.uniform(0.7, 0.93), 4)
        best = max(best, value or 0.0)
        hyperparameters = {
            "learning-rate": f"{10 ** rng.uniform(-4, -2):.6f}",
            "weight-decay": f"{10 ** rng.uniform(-6, -3):.8f}",
            "batch-size": rng.choice(("32", "64", "128")),
        }
        trials.append(
            Trial(
                number,
                f"zo1hya3po8f4-Tune-{number:03d}-32e75682",
                "Completed" if value else "Failed",
                hyperparameters,
                value,
                best,
                START + timedelta(seconds=60 + number),
                1.9,
                None if value else "the loss became NaN at step 40",
            )
        )
    winner = max(trials, key=lambda trial: trial.value or 0)
    shares = (
        Importance("learning-rate", 0.71),
        Importance("weight-decay", 0.21),
        Importance("batch-size", 0.08),
    )
    note = "PED-ANOVA over 7 trials"
    name, objective = "zo1hya3po8f4-Tune", "best:valid_accuracy"
    return Tuning(name, objective, True, "Bayesian", tuple(trials), winner.name, shares, note)


def a_history() -> tuple[Epoch, ...]:
    return tuple(
        Epoch(
            n,
            2.2 * math.exp(-n / 4) + 0.2,
            1 - 0.8 * math.exp(-n / 3),
            2.0 * math.exp(-n / 4) + 0.45 + (0.03 * (n - 9) if n > 9 else 0),
            0.92 - 0.7 * math.exp(-n / 3),
            "head" if n <= 8 else "fine_tuning",
        )
        for n in range(1, 13)
    )


def some_tensors(rng: random.Random, layers: int) -> Tensors:
    steps = tuple(range(0, 500, 25))

    def falling(name: str, start: float) -> Series:
        values = (start * math.exp(-n / 9) * rng.uniform(0.7, 1.3) for n in range(len(steps)))
        return Series(name, steps, tuple(values))

    names = [f"features.{n // 2}.{'bias' if n % 2 else 'weight'}" for n in range(layers)]
    return Tensors(
        "s3://dog-breeds-111122223333-us-east-1/debugger/pipelines-zo1hya3po8f4-Train",
        4 * layers + 1,
        len(steps),
        tuple(falling(name, 0.5 * (n + 1)) for n, name in enumerate(names)),
        tuple(falling(name, 4e-3 / (n + 1)) for n, name in enumerate(names)),
        (falling("TRAIN", 2.3), falling("EVAL", 2.4)),
    )


def some_rules() -> Rules:
    return Rules(
        (
            Rule("VanishingGradient", "NoIssuesFound", parameters={"threshold": "1e-7"}),
            Rule(
                "Overfit",
                "IssuesFound",
                300,
                "CrossEntropyLoss_output_0",
                "the validation loss is 12.4% above the training loss for 5 steps",
                {"patience": "5", "ratio_threshold": "0.1"},
            ),
            Rule("LossNotDecreasing", "NoIssuesFound"),
            Rule("DeadRelu", "Error", message="no relu inputs were saved: add relu_input"),
        )
    )


def a_profile(rng: random.Random) -> Profile:
    head = {"data": 2.1, "transfer": 0.0, "forward": 1.3, "backward": 1.6, "optimizer": 0.5}
    seconds = tuple(float(n) for n in range(60))
    return Profile(
        (
            ProfiledPhase("head", 320, {**head, "hook": 0.2, "other": 0.3},
                          {"p50": 0.016, "p95": 0.031, "p99": 0.055, "max": 0.21}),
            ProfiledPhase("fine_tuning", 80, {"data": 1.1, "forward": 9.8, "backward": 18.0},
                          {"p50": 0.36, "p95": 0.41, "p99": 0.52, "max": 0.61}),
        ),
        (
            ProfileFinding(
                "DataLoaderBottleneck", "warning", "35% of the head's time is waiting for data",
                "keep the features in memory, or raise the batch size", {"share": 0.35}),
            ProfileFinding(
                "CPUBottleneck", "info", "the CPU is at 96% on average",
                "an instance with more cores trains faster", {"cpu_percent": 96.0}),
        ),
        {"cpu_percent mean": 91.5, "cpu_percent max": 100.0, "memory_bytes max": 1.3e9},
        {"seconds": seconds, "cpu_percent": tuple(rng.uniform(80, 100) for _ in seconds),
         "memory_bytes": tuple(8e8 + 6e6 * n for n in range(60))},
        0.021,
    )  # fmt: skip


def an_evaluation(classes: tuple[str, ...], rng: random.Random) -> Evaluation:
    count, support = len(classes), 7
    confusion = [[0] * count for _ in range(count)]
    for row in range(count):
        for _ in range(support):
            missed = rng.random() < 0.17
            confusion[row][(row + rng.choice((1, 1, 1, 2, 5))) % count if missed else row] += 1
    right = sum(confusion[n][n] for n in range(count))
    pairs = sorted(
        (ConfusedPair(classes[r], classes[c], confusion[r][c])
         for r in range(count) for c in range(count) if r != c and confusion[r][c]),
        key=lambda pair: -pair.count,
    )  # fmt: skip
    bins = tuple(
        CalibrationBin(n / 15, (n + 1) / 15, n * n, (n + 0.5) / 15, min(1, (n + 1.2) / 15))
        for n in range(15)
    )
    mistakes = tuple(
        Mistake(f"{pair.actual}/{n:05d}.jpg", pair.actual, pair.predicted, 0.99 - n / 40, 0.01,
                a_picture(n) if n != 3 else None)
        for n, pair in enumerate(pairs[:12])
    )  # fmt: skip
    quality = tuple(_quality(classes[n], n, confusion) for n in range(count))
    return Evaluation(
        count * support, right / (count * support), 0.76, 0.9, quality,
        tuple(tuple(row) for row in confusion), tuple(pairs[:20]), mistakes, bins, 0.104,
        5, 0.97, 0.8, "better than version 6 by 2.1 points (-0.8 to 5.0), same pictures",
        coverage=Coverage(
            "answers the 80% it is surest of with 94.1% accuracy",
            tuple(CoveragePoint(n / 20, 1 - n / 25, 1 - (n / 20) ** 3 / 6) for n in range(1, 21)),
            (Promise(0.51, 0.8, 0.95, 0.79, 0.94, True), Promise(0.1, 1, 0.84, 1, None, False)),
            0.95, 0.77, 0.048,
        ),
    )  # fmt: skip


def _quality(name: str, index: int, confusion: list[list[int]]) -> ClassQuality:
    right, said = confusion[index][index], sum(row[index] for row in confusion)
    support = sum(confusion[index])
    precision, recall = right / said if said else None, right / support
    return ClassQuality(name, support, precision, recall, 2 * right / (said + support))


def a_picture(seed: int) -> bytes:
    buffer = io.BytesIO()
    colors = [(40 * seed) % 256, 120, 255 - (30 * seed) % 256]
    picture = Image.linear_gradient("L").convert("RGB")
    Image.blend(picture, Image.new("RGB", picture.size, tuple(colors)), 0.6).save(buffer, "PNG")
    return buffer.getvalue()


def a_dataset(classes: tuple[str, ...], rng: random.Random) -> Dataset:
    return Dataset(
        classes,
        {
            "train": {name: rng.randint(40, 70) for name in classes},
            "valid": dict.fromkeys(classes, 7),
            "test": dict.fromkeys(classes, 7),
        },
        "d092badaf44bd193e7e195d1c688c42c8c43ef13ccc55e82ed309135303f03f3",
        256,
        "folders",
        (Refused("train/zebra/broken.jpg", "the file ends too early"),
         Refused(f"train/{HOSTILE}.png", "69 megapixels, more than 50 are not read")),
        (Duplicate(("train/zebra/1.jpg", "test/zebra/9.jpg"), ("train", "test"), ("zebra",)),
         Duplicate(("train/a/1.jpg", "train/b/1.jpg"), ("train",), ("giraffe", "zebra"))),
        same_pixels=(Duplicate(("train/a/7.png", "train/a/8.webp"), ("train",), ("giraffe",)),),
        remarks=(Remark("transparent: shown on white", 31, ("train/a/9.png",)),),
    )  # fmt: skip


def a_model() -> Model:
    layers = tuple(
        Layer(f"features.{n}.conv.0", "Conv2d", "32 x 56 x 56", 864 * n, 10_000_000 + 999 * n)
        for n in range(1, 53)
    )
    facts = {"backbone": "mobilenet_v2", "weights": "imagenet", "artifact": "9.1 MiB"}
    head = Layer("classifier", "Linear", "6", 7686, 7680)
    return Model((*layers, head), 2_231_558, 7686, 300_774_272, facts)


def a_before(classes: tuple[str, ...]) -> Before:
    changed = tuple(MeasuredDifference(name, 0.9, 0.5, 7) for name in classes[:12])
    pairs = PairedCounts(42, 6, 5)
    accuracy = AccuracyDifference(0.024, Interval(-0.137, 0.184), pairs, "")
    measured = Measurements(("run a", "run b"), (), accuracy, changed, (f"beware of {HOSTILE}",))
    settings = (
        Difference("backbone.weights", f"s3://bucket/{'long-' * 20}.pth", "imagenet"),
        Difference("training.lr", "0.0023123", "0.00123", True, True),
        Difference("tuning.ranges.weight_decay", "0.0001 to 0.1 Logarithmic", None),
    )
    comparison = RunComparison("zo1hya3po8f4", "aa11bb22cc33", settings, measured)
    return Before("aa11bb22cc33", START - timedelta(days=1), comparison)


def some_gains() -> Gains:
    defaults = {"learning-rate": "0.0003", "batch-size": "64"}
    tuning = TuningGain("best:valid_accuracy", True, 7, 0.92, 0.8, 0.7, defaults)
    return Gains(tuning, FineTuningGain(8, 0.87, 12, 0.904, 12, 42))


def a_reproduction() -> Reproduction:
    return Reproduction(
        ("git checkout ad9cde4", "python -m pipeline.run --local --data ~/pictures --set a.b=c"),
        "ad9cde4f1b2c3d4e5f60718293a4b5c6d7e8f901",
        {"training": "0", "split": "0"},
        {"python": "3.11.7", "torch": "2.6.0", "torchvision": "0.21.0", "smdebug": "1.0.34"},
        {"data": "d092badaf44bd193e7e195d1c688c42c8c43ef13ccc55e82ed309135303f03f3"},
        {"DataUri": "s3://bucket/data", "AccuracyThreshold": "0.8", "TuningMaxJobs": "8"},
        {"learning-rate": "0.00231", "batch-size": "64", "epochs": "12"},
        Adviser("python -m pipeline.run --local --data ~/pictures --set a.b=c"),
    )
