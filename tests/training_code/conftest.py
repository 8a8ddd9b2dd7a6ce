"""A tiny data set taken through Prepare, ExtractFeatures and Train, once for all tests."""

import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import features as features_job
import train as train_job
from prepare import Options, prepare

BACKBONE = "shufflenet_v2_x0_5"
COLOURS = {"green, dark": (20, 110, 40), "rosé": (190, 90, 110), "sky": (90, 130, 200)}
RESIZE, CROP = 40, 32
IN_INT8 = {"refuse_at": 0.1, "int8": True, "int8_tolerance": 0.9}


@dataclass(frozen=True)
class Trained:
    """A finished training: what it printed and where it wrote."""

    log: str
    model: Path
    output: Path


Train = Callable[..., Trained]


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread: with networks this small, two mostly wait for each other."""
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with dataset/ and test/: 3 classes of 20 noisy pictures, 12/4/4 a split."""
    root = tmp_path_factory.mktemp("prepared")
    random = np.random.default_rng(0)
    for label, colour in COLOURS.items():
        folder = root / "data" / label
        folder.mkdir(parents=True)
        for number in range(20):
            noise = random.normal(0, 60, (44, 60, 3)) + colour
            Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
    prepare(Options(root / "data", root / "dataset", root / "test", RESIZE, (0.6, 0.2, 0.2), 0))
    return root


@pytest.fixture(scope="session")
def extract(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Runs features.py with other arguments than the usual ones; returns its output folder."""

    def run(**arguments: object) -> Path:
        folder = tmp_path_factory.mktemp("features")
        usual = {
            "dataset": prepared / "dataset",
            "features": folder,
            "backbone": BACKBONE,
            "crop": CROP,
        }
        given = usual | {name.replace("_", "-"): value for name, value in arguments.items()}
        with one_thread():
            features_job.main([part for k, v in given.items() for part in (f"--{k}", str(v))])
        return folder

    return run


@pytest.fixture(scope="session")
def features(extract: Callable[..., Path]) -> Path:
    """The usual features: one view, drawn weights."""
    return extract()


def container(
    folder: Path, features: Path, dataset: Path | None = None, best: Path | None = None
) -> dict[str, str]:
    """The environment that a training container gives its script."""
    environment = {
        "SM_CHANNEL_FEATURES": features,
        "SM_MODEL_DIR": folder / "model",
        "SM_OUTPUT_DIR": folder / "output",
        "SM_OUTPUT_DATA_DIR": folder / "output/data",
    }
    if dataset is not None:
        environment["SM_CHANNEL_DATASET"] = dataset
    if best is not None:
        environment["SM_CHANNEL_BEST"] = best
    return {name: str(path) for name, path in environment.items()}


@pytest.fixture(scope="session")
def train(features: Path, prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Runs train.py's main with these hyperparameters."""

    def run(
        features: Path = features,
        dataset: Path | None = prepared / "dataset",
        best: Path | None = None,
        **hyperparameters: object,
    ) -> Trained:
        folder = tmp_path_factory.mktemp("training")
        usual = {"epochs": 4, "batch_size": 16, "lr": 0.01}
        arguments = [f"--{k}={v}" for k, v in (usual | hyperparameters).items()]
        with redirect_stdout(io.StringIO()) as log, one_thread():
            train_job.main(arguments, container(folder, features, dataset, best))
        return Trained(log.getvalue(), folder / "model", folder / "output/data")

    return run


@pytest.fixture(scope="session")
def trained(train: Train) -> Trained:
    """The usual training, exported."""
    return train()


@pytest.fixture(scope="session")
def knowing(train: Train) -> Trained:
    """A training whose model may refuse a tenth of the pictures of its classes.

    That is the least that can be asked for, of 12 validation pictures.
    """
    return train(refuse_at=0.1)


@pytest.fixture(scope="session")
def in_int8(train: Train) -> Trained:
    """A training like `knowing` with a graph in 8 bits besides, whatever that costs."""
    return train(**IN_INT8)


@pytest.fixture(scope="session")
def pack() -> Callable[[Path, Path], Path]:
    """Packs a model folder as SageMaker does: pack(model, into)."""

    def run(model: Path, into: Path) -> Path:
        into.mkdir(parents=True, exist_ok=True)
        with tarfile.open(into / "model.tar.gz", "w:gz") as archive:
            archive.add(model, arcname=".")
        return into

    return run


@pytest.fixture
def rules_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same networks each time; smdebug does not wait for the last files: they are there."""
    monkeypatch.setenv("SMDEBUG_TRAINING_END_DELAY_REFRESH", "0")
    torch.manual_seed(0)
