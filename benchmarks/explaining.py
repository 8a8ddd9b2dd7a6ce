"""Measure what it costs that answers can be explained: where nobody asks why, and where one does.

Artifacts of one training serve behind the local endpoint's server, one asker at a time, in turns:
without what tells unknown pictures and what explains, as artifacts were before; as they are; and
the same asked why.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import jobs
from benchmarks.context import BenchmarkError, Context
from benchmarks.figures import text_table
from benchmarks.multi_model_server import post
from benchmarks.serving import large_pictures
from pipeline.command_line.running import ROOT
from pipeline.local.service.hosting.model_process import start_model_server

BACKBONES = ("mobilenet_v2", "squeezenet1_1")
MOST = {"not asked": 1.02, "asked": 2.0}  # of p50 without
MOST_GROWTH = 1.2
_BEFORE, _AS_IS = "before", "as is"
_ROUNDS, _WARM_UP = 60, 2
_AS_BEFORE = """
import sys
from pathlib import Path

from artifact import GRAPH_FILE
from graphs.export import export_graph
from known import KNOWN_FILE
from torch_model import read_model
from training_examples import EXAMPLES_FILE

folder = Path(sys.argv[1])
classifier, description = read_model(folder)
export_graph(classifier, description.preprocessing.crop, folder / GRAPH_FILE)
for name in (EXAMPLES_FILE, KNOWN_FILE):
    (folder / name).unlink()
"""
_JSON = {"Content-Type": "application/json"}
_ONE_WORKER = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
_EXAMPLES = 20_000  # as pipeline.yaml has it


def result_name(context: Context) -> str:
    """Return the name of the result: each data set has its own."""
    return f"explaining-{context.data.name}"


def run(context: Context) -> dict[str, Any]:
    """Measure every backbone that there are weights of, else the first one with random ones."""
    names = [name for name in BACKBONES if context.weights_of(name)] or list(BACKBONES[:1])
    wanted = names[:1] if context.quick else names
    return {"data": context.data.name, "backbones": [_measured(context, name) for name in wanted]}


def table(result: dict[str, Any]) -> str:
    """Format the times and sizes as the table that is printed."""
    rows = [
        (
            one["backbone"],
            *(f"{one['p50_ms'][name]:.2f}" for name in (_BEFORE, *MOST)),
            *(f"{ratio:.3f}" for ratio in ratios(one).values()),
            f"{growth(one):.3f}",
        )
        for one in result["backbones"]
    ]
    header = ("p50 in ms", _BEFORE, *MOST, *(f"{name} / {_BEFORE}" for name in MOST), "artifact")
    return text_table(header, rows)


def problems(result: dict[str, Any]) -> list[str]:
    """Return what is not reached; at the smallest size nothing is asked."""
    if result["quick"]:
        return []
    return [f"{one['backbone']}: {line}" for one in result["backbones"] for line in _missed(one)]


def _missed(one: Mapping[str, Any]) -> list[str]:
    found, most = ratios(one) | {"artifact": growth(one)}, MOST | {"artifact": MOST_GROWTH}
    return [
        f"{name} is {found[name]:.3f} of {_BEFORE}, at most {limit} is asked for"
        for name, limit in most.items()
        if found[name] > limit
    ]


def ratios(one: Mapping[str, Any]) -> dict[str, float]:
    """Return the medians of the rounds' ratios: what else the machine does meets both alike."""
    return {name: median(one["ratios"][name]) for name in MOST}


def growth(one: Mapping[str, Any]) -> float:
    """Return the size of the artifact as it is, of that before."""
    return float(one["artifact_bytes"][_AS_IS] / one["artifact_bytes"][_BEFORE])


def _measured(context: Context, backbone: str) -> dict[str, Any]:
    prepared, features = jobs.cached_features(context, backbone)
    work = context.work / backbone
    model = work / _AS_IS / "model"
    _train(prepared / "dataset", features, work / "job", model)
    _write_as_before(model, work / _BEFORE / "model")
    pictures = large_pictures(context.data)
    with ExitStack() as stack:
        ports = {}
        for name in (_BEFORE, _AS_IS):
            _pack(work / name)
            server = start_model_server(
                work / name / "model.tar.gz", work / name / "at", work / f"{name}.log", _ONE_WORKER
            )
            stack.callback(server.stop)
            ports[name] = server.port
        times = _times(_asks(ports), pictures, 2 if context.quick else _ROUNDS)
    sizes = {name: (work / name / "model.tar.gz").stat().st_size for name in (_BEFORE, _AS_IS)}
    pairs = {name: list(zip(times[name], times[_BEFORE], strict=True)) for name in MOST}
    return {
        "backbone": backbone,
        "artifact_bytes": sizes,
        "p50_ms": {name: median(found) for name, found in times.items()},
        "ratios": {name: [own / before for own, before in some] for name, some in pairs.items()},
    }


def _train(dataset: Path, features: Path, job: Path, model: Path) -> None:
    """Run train.py with the settings that an artifact's parts come from."""
    environment = {
        "SM_CHANNEL_FEATURES": str(features),
        "SM_CHANNEL_DATASET": str(dataset),
        "SM_MODEL_DIR": str(model),
        "SM_OUTPUT_DATA_DIR": str(job),
    }
    arguments = ["--epochs", 5, "--refuse_at", 0.05, "--examples", _EXAMPLES]
    jobs.run_script("train.py", arguments, environment)


def _write_as_before(model: Path, target: Path) -> None:
    """Copy an artifact without what was added to it, and with a graph that has one output."""
    shutil.copytree(model, target)
    path = os.pathsep.join(str(ROOT / name) for name in ("training_code", "inference_code"))
    ended = subprocess.run(
        [sys.executable, "-c", _AS_BEFORE, str(target)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise BenchmarkError(f"no artifact as before could be written:\n{ended.stderr[-2000:]}")


def _pack(folder: Path) -> None:
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        archive.add(folder / "model", arcname=".")


def _asks(ports: Mapping[str, int]) -> dict[str, Callable[[bytes], None]]:
    def asker(port: int, **more: bool) -> Callable[[bytes], None]:
        def ask(picture: bytes) -> None:
            instances = [{"b64": base64.b64encode(picture).decode()}]
            status, _, body = post(
                port, json.dumps({"instances": instances, **more}).encode(), _JSON
            )
            if status != 200:
                raise BenchmarkError(f"a picture was answered with {status}: {body[:300]!r}")

        return ask

    return {
        _BEFORE: asker(ports[_BEFORE]),
        "not asked": asker(ports[_AS_IS]),
        "asked": asker(ports[_AS_IS], explain=True),
    }


def _times(
    asks: Mapping[str, Callable[[bytes], None]], pictures: list[bytes], rounds: int
) -> dict[str, list[float]]:
    """Return each round's median milliseconds; in a round every server gets every picture."""
    found: dict[str, list[float]] = {name: [] for name in asks}
    for number in range(-_WARM_UP, rounds):
        seconds: dict[str, list[float]] = {name: [] for name in asks}
        for picture in pictures:
            for name in sorted(asks, reverse=bool(number % 2)):
                start = time.perf_counter()
                asks[name](picture)
                seconds[name].append(time.perf_counter() - start)
        if number >= 0:
            for name, values in seconds.items():
                found[name].append(1000 * median(values))
    return found
