"""Ray Serve, started as AWS's Ray image starts it, gives the artifact's own answers.

aws/deep-learning-containers, scripts/docker/ray/sagemaker_entrypoint.sh: `ray start --head`,
`serve start --http-port=8000`, `serve run $SM_RAYSERVE_APP`, with the model's code on the path.
Its adapter (sagemaker_serve.py) passes the bodies of /invocations on to `/`, with Content-Type
and Accept, and asks /-/healthz for /ping; it is in no package, so the test asks Ray as it does.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from inference import open_model, predict
from prediction import decode_squares
from steps.register import SERVING_ENVIRONMENT
from tests.inference_code.hostile_requests import FOREIGN, JSON_BODIES, PICTURES
from tests.inference_code.request_table import TABLE
from tests.inference_code.server.serving_image import PARTS, Container, enter_network
from tests.patience import PATIENCE

RAY = PARTS / "ray"
# A network of its own: its many ports are nobody else's.
START = """
ip link set lo up
ray() { "$PYTHON" -m ray.scripts.scripts "$@"; }
serve() { "$PYTHON" -m ray.serve.scripts "$@"; }
ray start --head --port=6379 --include-dashboard=False --num-gpus=0
serve start --http-host=0.0.0.0 --http-port=8000
serve run "$SM_RAYSERVE_APP"
"""
Picture = Callable[..., bytes]


def missing_part() -> str | None:
    if os.geteuid():
        return "root"
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return "unshare and ip"
    return None if (RAY / "ray").is_dir() else "Ray (make test puts it beside the environment)"


pytestmark = pytest.mark.skipif(missing_part() is not None, reason=f"it needs {missing_part()}")


@pytest.fixture(scope="module")
def ray(ml: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    model, log = ml / "model", tmp_path_factory.mktemp("ray") / "log"
    short = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # a socket's path may not be long
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(log.parent),
        "PYTHON": sys.executable,
        "PYTHONPATH": f"{model}:{model / 'code'}:{RAY}",
        "RAY_TMPDIR": str(short),
        "RAY_USAGE_STATS_ENABLED": "0",
        **SERVING_ENVIRONMENT,
        "SM_MODEL_DIR": str(model),
        "SERVING_METRICS_LOG": str(log.parent / "metrics"),
    }
    namespaces = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*namespaces, "sh", "-euc", START], env=environment, stdout=output, stderr=output
        )
    inside = ThreadPoolExecutor(1, initializer=enter_network, initargs=(process.pid,))
    running = Container(process, log, inside, port=8000)
    try:
        _wait(running)
        yield running
    finally:
        inside.shutdown()
        process.kill()
        process.wait(PATIENCE)
        shutil.rmtree(short, ignore_errors=True)


def _wait(running: Container) -> None:
    deadline = time.monotonic() + PATIENCE
    while not _is_well(running):
        assert running.process.poll() is None, running.log.read_text()[-3000:]
        assert time.monotonic() < deadline, running.log.read_text()[-3000:]
        time.sleep(0.2)


def _is_well(running: Container) -> bool:
    with contextlib.suppress(OSError):
        healthy = running.ask("GET", "/-/healthz")[0] == 200
        return healthy and running.ask("POST", "/", b"")[0] == 400  # it is deployed
    return False


def test_it_gives_the_answers_that_are_evaluated(
    ray: Container, ml: Path, picture: Picture
) -> None:
    model = open_model(ml / "model")
    for seed, kind in enumerate(("JPEG", "PNG", "WEBP")):
        data = picture(seed, size=(90, 120), kind=kind)
        headers = {"Content-Type": f"image/{kind.lower()}", "Accept": "application/json"}
        status, told, body = ray.ask("POST", "/", data, headers)
        assert (status, told) == (200, "application/json")
        expected = predict(decode_squares([data], model), model).probabilities[0]
        found = json.loads(body)["predictions"][0]["probability_list"]
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert ray.ask("POST", "/", picture(), headers | {"Accept": "text/csv"})[1].startswith(
        "text/csv"
    )


def test_requests_of_the_table_have_their_answers(ray: Container) -> None:
    for name, asked in TABLE.items():
        headers = {} if asked.kind is None else {"Content-Type": asked.kind}
        status, _, body = ray.ask("POST", "/", asked.body, headers)
        assert status == asked.status, (name, body[:300])


def test_hostile_bodies_are_refused_as_by_our_own_server(ray: Container) -> None:
    for name, request in (PICTURES | JSON_BODIES).items():
        status, body = ray.send(request.head.replace(b"/invocations", b"/") + request.body)
        assert status == request.status, (name, body[:300])
        for word in FOREIGN:
            assert word not in body.decode(), name
