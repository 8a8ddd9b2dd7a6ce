"""A tiny but whole model artifact, as training exports it."""

import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from artifact import GRAPH_FILE, ModelDescription
from graphs.export import export_graph
from inference import model_fn, open_model
from learning.training_outputs import copy_serving_code
from network import Classifier, Head, build_backbone
from prediction import Model
from preprocessing import Preprocessing
from torch_model import read_model, write_model

CLASSES = ("beagle", 'the "big", bad wolf', "Жук 🐶")
RESIZE = 40

Picture = Callable[..., bytes]


def describe(classes: tuple[str, ...] = CLASSES) -> ModelDescription:
    return ModelDescription(
        backbone="shufflenet_v2_x0_5",
        classes=classes,
        preprocessing=Preprocessing(RESIZE, 32, (0.5, 0.4, 0.3), (0.2, 0.2, 0.2)),
        seed=1,
        data_fingerprint="f" * 64,
        weights_sha256=None,
        hyperparameters={"lr": 0.1},
        metrics={"valid_accuracy": 0.5},
        versions={"torch": torch.__version__},
    )


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An extracted artifact: weights, description and code."""
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(1)
    head = Head(1024, len(CLASSES))
    torch.nn.init.normal_(head.linear.weight, std=5.0)  # so that probabilities differ
    write_model(folder, Classifier(build_backbone("shufflenet_v2_x0_5", 1), head), describe())
    copy_serving_code(folder / "code")
    return folder


@pytest.fixture(scope="session")
def ml(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What /opt/ml is: the archive, with the graph, and the model unpacked as SageMaker does."""
    folder = tmp_path_factory.mktemp("ml")
    network, description = read_model(model_dir)
    graph = folder / GRAPH_FILE
    export_graph(network, description.preprocessing.crop, graph)
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        archive.add(model_dir, arcname=".")
        archive.add(graph, arcname=GRAPH_FILE)
    with tarfile.open(folder / "model.tar.gz") as archive:
        archive.extractall(folder / "model", filter="data")
    (folder / "model").chmod(0o755)
    assert open_model(folder / "model").runtime == "graph"
    return folder


@pytest.fixture(scope="session")
def model(model_dir: Path) -> Model:
    """The artifact as the endpoint loads it."""
    return model_fn(str(model_dir))


@pytest.fixture(scope="session")
def picture() -> Picture:
    """Encodes a random picture: picture(seed, size, kind)."""

    def encode(seed: int = 0, size: tuple[int, int] = (60, 45), kind: str = "JPEG") -> bytes:
        random = np.random.default_rng(seed)
        coarse = random.integers(0, 256, (5, 5, 3), dtype=np.uint8)
        buffer = BytesIO()
        Image.fromarray(coarse).resize(size).save(buffer, kind)
        return buffer.getvalue()

    return encode
