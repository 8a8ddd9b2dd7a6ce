"""The image that serves on SageMaker: built from the Dockerfile, started without a network."""

import contextlib
import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from artifact import GRAPH_FILE
from inference import open_model, predict
from picture_formats import FORMATS
from pipeline.assets.code_bundle import serving_bundle
from pipeline.command_line.running import ROOT
from prediction import decode_squares
from prepare import Options, prepare
from tests.inference_code.conftest import CLASSES, RESIZE
from tests.inference_code.hostile_requests import FOREIGN
from tests.inference_code.hostile_requests import TABLE as HOSTILE
from tests.inference_code.picture_table import TABLE
from tests.inference_code.server.serving_image import (
    Container,
    Image,
    built_image,
    missing_part,
    run_job,
    started,
)
from tests.patience import PATIENCE

MOST_BYTES = 400_000_000
SECONDS_TO_START = 10  # of the processor
JPEG = {"Content-Type": "image/jpeg"}
SPLITS = ("train", "valid", "test")
Picture = Callable[..., bytes]

pytestmark = [
    pytest.mark.skipif(missing_part() is not None, reason=f"an image needs {missing_part()}"),
    pytest.mark.xdist_group("serving image"),
]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    with built_image(tmp_path_factory.mktemp("image")) as built:
        yield built


@pytest.fixture(scope="module")
def container(image: Image, ml: Path) -> Iterator[Container]:
    with started(image, ml / "model", ml / "image.log") as running:
        running.wait_until_well(PATIENCE)
        yield running


def test_it_is_small_and_has_nothing_to_build_or_to_install_with(image: Image) -> None:
    assert image.size <= MOST_BYTES
    assert not [
        tool for tool in ("cc", "gcc", "pip", "pip3") if (image.root / "usr/bin" / tool).exists()
    ]
    packages = {path.name for path in (image.root / "opt/packages").iterdir()}
    assert "onnxruntime" in packages and not packages & {"torch", "pip", "setuptools"}


def test_it_is_well_in_time_without_a_network_and_not_root(container: Container) -> None:
    status = Path(f"/proc/{container.first}/status").read_text()
    assert re.search(r"^NSpid:.*\t1$", status, re.MULTILINE)
    assert re.search(r"^Uid:\t10001\t10001\t10001\t10001$", status, re.MULTILINE)
    fields = Path(f"/proc/{container.first}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = int(fields[11]) + int(fields[12])
    assert ticks / os.sysconf("SC_CLK_TCK") < SECONDS_TO_START


def test_its_answers_are_those_that_are_evaluated(
    container: Container, ml: Path, picture: Picture
) -> None:
    model = open_model(ml / "model")
    for seed in range(20):
        kind = FORMATS[seed % len(FORMATS)]
        data = picture(seed, size=(90 + seed, 120), kind=kind.name)
        headers = {"Content-Type": kind.mime_type}
        status, _, body = container.ask("POST", "/invocations", data, headers)
        assert status == 200, body
        expected = predict(decode_squares([data], model), model).probabilities[0]
        found = json.loads(body)["predictions"][0]["probability_list"]
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_every_kind_of_picture_is_read_in_it_as_here(container: Container, ml: Path) -> None:
    model = open_model(ml / "model")
    for name, shown in TABLE.items():
        status, _, body = container.ask("POST", "/invocations", shown.data, JPEG)
        assert status == 200, (name, body)
        expected = predict(decode_squares([shown.data], model), model).probabilities[0]
        found = json.loads(body)["predictions"][0]["probability_list"]
        np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=name)


def test_evaluate_runs_in_it_and_says_what_the_endpoint_answers(
    image: Image, container: Container, ml: Path, tmp_path: Path, picture: Picture
) -> None:
    sent = {}
    for seed, name in enumerate(f"{split}/{c}/1.png" for split in SPLITS for c in CLASSES):
        sent[name] = picture(seed, kind="PNG")
        (tmp_path / "data" / name).parent.mkdir(parents=True)
        (tmp_path / "data" / name).write_bytes(sent[name])
    given = tmp_path / "processing/input"
    data, dataset = tmp_path / "data", tmp_path / "dataset"
    prepare(Options(data, dataset, given / "test", RESIZE, (0.6, 0.2, 0.2), 0))
    bundle = serving_bundle(ROOT, "evaluate.py", "bucket", installs=False)
    for name, content in bundle.files.items():
        (given / "code" / name).parent.mkdir(parents=True, exist_ok=True)
        (given / "code" / name).write_bytes(content)
    (given / "model").mkdir()
    shutil.copy(ml / "model.tar.gz", given / "model")
    place = "/opt/ml/processing"
    folders = {"model": f"{place}/input/model", "test": f"{place}/input/test"}
    folders["evaluation"] = f"{place}/output/evaluation"
    options = [part for key, value in folders.items() for part in (f"--{key}", value)]
    done = run_job(
        image, tmp_path / "processing", "python3", f"{place}/input/code/{bundle.entry}", *options
    )
    assert (done.returncode, done.stderr) == (0, "")
    out = tmp_path / "processing/output/evaluation"
    assert json.loads((out / "evaluation.json").read_text())["serving"]["runtime"] == "graph"
    rows = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    assert len(rows) == len(CLASSES)
    for row in rows:
        asked = container.ask(
            "POST", "/invocations", sent[row["file"]], {"Content-Type": "image/png"}
        )
        found = json.loads(asked[2])["predictions"][0]["probability_list"]
        np.testing.assert_allclose(found, row["probabilities"], atol=1e-5)


def test_hostile_requests_have_their_answers_and_leave_no_trace(
    container: Container, picture: Picture
) -> None:
    for name, request in HOSTILE.items():
        status, body = container.send(request.head + request.body)
        assert status == request.status, (name, body[:300])
        for word in FOREIGN:
            assert word not in body.decode(), name
    assert container.ask("POST", "/invocations", picture(), JPEG)[0] == 200
    assert container.is_well()
    assert "Traceback" not in container.log.read_text()


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_bytes_that_are_no_text_are_refused_without_a_trace(
    container: Container, kind: str
) -> None:
    for body in (b"\xff\xfe\x00", b"\x80" * 1000, b"a=%ff&b", b""):
        status, _, answer = container.ask("POST", "/invocations", body, {"Content-Type": kind})
        assert 400 <= status < 500
        assert set(json.loads(answer)["error"]) == {"code", "message"}


def test_it_ends_in_order(image: Image, ml: Path, tmp_path: Path) -> None:
    with started(image, ml / "model", tmp_path / "log", SAGEMAKER_BIND_TO_PORT="8080") as running:
        running.wait_until_well(PATIENCE)
        os.kill(running.first, signal.SIGTERM)
        assert running.process.wait(PATIENCE) == 0


@pytest.mark.parametrize("without", [GRAPH_FILE, "code", "model.json"])
def test_what_cannot_be_served_ends_it_with_a_sentence(
    image: Image, ml: Path, tmp_path: Path, without: str
) -> None:
    model = tmp_path / "model"
    shutil.copytree(ml / "model", model)
    place = model / without
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    model.chmod(0o755)
    with started(image, model, tmp_path / "log") as running:
        while running.process.poll() is None:
            assert not running.is_well()
        assert running.process.wait(PATIENCE) == 1
    told = (tmp_path / "log").read_text()
    assert told.splitlines()[-1].startswith("error: the model ")
    assert "Traceback" not in told
    if without == GRAPH_FILE:
        assert "serving.graph" in told and "serving.image" in told


def test_a_model_that_only_root_can_read_is_served_and_said(
    image: Image, ml: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(ml / "model", model)
    model.chmod(0o700)
    with started(image, model, tmp_path / "log") as running, contextlib.suppress(OSError):
        running.wait_until_well(PATIENCE)
    assert "serving as root: /opt/ml/model cannot be read" in (tmp_path / "log").read_text()
