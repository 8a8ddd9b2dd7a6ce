"""Time our endpoint against the usual eager PyTorch handler, from request to answer, locally.

`usual`: the usual handler under AWS's model server. `ours`: our model.tar.gz under the same server.
`local`: our model.tar.gz under the local endpoint. All hold the same weights and are asked in
turns, so that whatever else the machine does meets them alike. One asker at a time, one worker
each. AWS's server gives its workers one thread each, which the usual handler keeps to; ours takes
the cores that workers leave free. `one thread`: ours with one as well. `int8`: as `ours`, with the
graph in 8 bits; what it costs in accuracy can be seen with pretrained weights only, as rounding
hides what random weights tell apart.
"""

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.context import BenchmarkError, Context
from benchmarks.figures import text_table
from benchmarks.multi_model_server import missing_part, post, running_model_server
from benchmarks.pictures import resized_jpeg
from pipeline.command_line.running import ROOT
from pipeline.endpoint.bench import percentile
from pipeline.local.service.hosting.model_process import start_model_server

BACKBONES = ("mobilenet_v2", "squeezenet1_1", "resnet18", "resnet50")
USUAL, OURS, LOCAL, INT8, ONE_THREAD = "usual", "ours", "local", "int8", "one thread"
JPEG = {"Content-Type": "image/jpeg"}
_PICTURE_SIZE = (400, 500)
_PICTURES, _WARM_UP = 8, 1
_ONE_WORKER = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}

Ask = Callable[[bytes], dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """A test picture and the folder that it lies in."""

    picture: bytes
    label: str


def run(context: Context) -> dict[str, Any]:
    """Measure times and answers of all servers, for every backbone."""
    if missing := missing_part():
        raise BenchmarkError(f"{missing} is not installed: the usual handler cannot be served")
    chosen = BACKBONES[1:2] if context.quick else BACKBONES
    found = {backbone: _compare(context, backbone) for backbone in chosen}
    return {"picture": list(_PICTURE_SIZE), "backbones": found}


def table(result: Mapping[str, Any]) -> str:
    """Format the results as the table that is printed: a row a backbone and server."""
    rows = []
    for backbone, found in result["backbones"].items():
        test = found["test"]
        for server, times in found["milliseconds"].items():
            shown = (f"{times['p50']:.1f}", f"{times['p95']:.1f}", f"{found['ratio'][server]:.2f}")
            asked = server in test["accuracy"]
            same = f"{test['same_top1'][server]}/{test['pictures']}" if asked else ""
            accuracy = f"{test['accuracy'][server]:.1%}" if asked else ""
            rows.append((f"{backbone} {server}", *shown, same, accuracy))
    header = ("times in ms", "p50", "p95", "p50 / usual", "same top-1", "accuracy")
    return text_table(header, rows)


def plot(result: Mapping[str, Any], path: Path) -> None:
    """Plot median times as bars, and lines from there to the 95th percentile."""
    from matplotlib.figure import Figure

    found = result["backbones"]
    figure = Figure(figsize=(7, 0.6 + 1.3 * len(found)), layout="constrained")
    axes = figure.add_subplot()
    ticks = []
    for place, (backbone, one) in enumerate(found.items()):
        for number, (server, times) in enumerate(one["milliseconds"].items()):
            height = 5 * place + number
            late = [[0], [times["p95"] - times["p50"]]]
            colour = "#9a9a9a" if server == USUAL else "C0"
            axes.barh(height, times["p50"], xerr=late, color=colour, ecolor="#57606a")
            ticks.append((height, f"{backbone} {server}"))
    axes.set_yticks([height for height, _ in ticks], [text for _, text in ticks], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("ms from request to answer: median, and up to the 95th percentile")
    figure.savefig(path, dpi=120)


def _compare(context: Context, backbone: str) -> dict[str, Any]:
    target = context.work / backbone
    build_models(context, backbone, target, int8=True)
    cases = read_cases(context.data, 24 if context.quick else None)
    pictures = large_pictures(context.data)
    with servers(target) as asks:
        times = measure(asks, pictures, 2 if context.quick else 12)
        context.say(f"{backbone}: p50 { ({k: round(v['p50'], 1) for k, v in times.items()}) } ms")
        # with one thread it is the same artifact: asking it for everything again tells nothing
        asked = {name: ask for name, ask in asks.items() if name != ONE_THREAD}
        test = compare_answers(asked, cases)
    return {
        "weights": "pretrained" if context.weights_of(backbone) else "random",
        "milliseconds": times,
        "ratio": {name: found["p50"] / times[USUAL]["p50"] for name, found in times.items()},
        "test": test,
    }


def build_models(context: Context, backbone: str, target: Path, int8: bool = False) -> None:
    """Write our artifact and the usual handler's, of the same weights, into `target`."""
    argv = [sys.executable, "-m", "benchmarks.build_served", "--backbone", backbone]
    argv += ["--data", str(context.data), "--target", str(target)]
    argv += ["--per-class", "2" if context.quick else "8"]
    argv += ["--int8"] if int8 else []
    if weights := context.weights_of(backbone):
        argv += ["--weights", str(weights)]
    path = os.pathsep.join(str(ROOT / name) for name in ("training_code", "inference_code"))
    ended = subprocess.run(
        argv,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise BenchmarkError(f"{backbone} could not be built:\n{ended.stderr[-2000:]}")


def read_cases(data: Path, most: int | None = None) -> list[Case]:
    """Read every JPEG of the test split, or `most` of them drawn at random."""
    files = sorted(path for path in (data / "test").rglob("*") if path.suffix in (".jpg", ".jpeg"))
    if not files:
        raise BenchmarkError(f"{data / 'test'} holds no JPEG: --data names a folder with test/")
    if most:
        files = random.Random(0).sample(files, min(most, len(files)))  # noqa: S311 (no secret)
    return [Case(file.read_bytes(), file.parent.name) for file in files]


def large_pictures(data: Path) -> list[bytes]:
    """Return a few test pictures as JPEGs of 400 x 500 pixels."""
    files = sorted(path for path in (data / "test").rglob("*") if path.suffix in (".jpg", ".jpeg"))
    step = max(1, len(files) // _PICTURES)
    return [resized_jpeg(file, *_PICTURE_SIZE) for file in files[::step][:_PICTURES]]


@contextmanager
def servers(target: Path) -> Iterator[dict[str, Ask]]:
    """Run the servers of the models in `target`; yields a function to ask each, by name."""
    with ExitStack() as stack:
        asks = {}
        shutil.copytree(target / OURS, target / ONE_THREAD, dirs_exist_ok=True)
        for name in (USUAL, OURS, INT8, ONE_THREAD):
            if not (target / name).is_dir():
                continue
            own = {"OMP_NUM_THREADS": "1"} if name == ONE_THREAD else {}
            port, _ = stack.enter_context(running_model_server(target / name, own))
            asks[name] = asker(port)
        work, log = target / "local", target / "local.log"
        server = start_model_server(target / "ours.tar.gz", work, log, _ONE_WORKER)
        stack.callback(server.stop)
        yield {**asks, LOCAL: asker(server.port)}


def asker(port: int) -> Ask:
    """Return a function that posts a JPEG and returns the prediction.

    It raises BenchmarkError for anything else than 200.
    """

    def ask(picture: bytes) -> dict[str, Any]:
        status, _, body = post(port, picture, JPEG)
        if status != 200:
            raise BenchmarkError(f"a picture was answered with {status}: {body[:300]!r}")
        prediction: dict[str, Any] = json.loads(body)["predictions"][0]
        return prediction

    return ask


def measure(
    asks: Mapping[str, Ask], pictures: Sequence[bytes], rounds: int
) -> dict[str, dict[str, Any]]:
    """Measure milliseconds from request to answer; each round, every server gets all pictures.

    One server gets them all before the next: on an instance of its own, a server finds its
    weights in the cache as well.
    """
    times: dict[str, list[float]] = {name: [] for name in asks}
    order = list(asks)
    shuffle = random.Random(0)  # noqa: S311 (no secret)
    for number in range(-_WARM_UP, rounds):
        shuffle.shuffle(order)
        for name in order:
            for picture in pictures:
                start = time.perf_counter()
                asks[name](picture)
                if number >= 0:
                    times[name].append(1000 * (time.perf_counter() - start))
    return {name: summarise(values) for name, values in times.items()}


def summarise(values: Sequence[float]) -> dict[str, Any]:
    """Return percentiles and mean of milliseconds."""
    ordered = sorted(values)
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    found: dict[str, Any] = {name: percentile(ordered, share) for name, share in shares.items()}
    return {**found, "mean": statistics.mean(values), "requests": len(values)}


def compare_answers(asks: Mapping[str, Ask], cases: Sequence[Case]) -> dict[str, Any]:
    """Count how often each server gives the usual handler's class, and how often each is right."""
    right, same = dict.fromkeys(asks, 0), dict.fromkeys(asks, 0)
    largest = dict.fromkeys(asks, 0.0)
    for case in cases:
        answers = {name: ask(case.picture) for name, ask in asks.items()}
        usual = answers[USUAL]
        for name, answer in answers.items():
            same[name] += answer["label"] == usual["label"]
            right[name] += answer["label"] == case.label
            pairs = ((p, answer["probabilities"][k]) for k, p in usual["probabilities"].items())
            largest[name] = max(largest[name], *(abs(p - q) for p, q in pairs))
    return {
        "pictures": len(cases),
        "same_top1": same,
        "largest_probability_difference": largest,
        "accuracy": {name: count / len(cases) for name, count in right.items()},
    }
