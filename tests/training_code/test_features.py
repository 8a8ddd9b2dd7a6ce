"""ExtractFeatures: what is cached is what the backbone gives, however it was computed."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import load_file

from extraction import feature_files
from extraction.cache import KEY_BYTES
from extraction.feature_files import read_features
from extraction.feature_statistics import mean_and_std
from extraction.runtime import Runtime
from features import main, open_cache, pretrained_normalisation
from job.errors import JobError
from network import build_backbone, load_state
from pictures.dataset import open_split, read_info
from preprocessing import IMAGENET_MEAN, IMAGENET_STD, normalise

BACKBONE = "shufflenet_v2_x0_5"
Extract = Callable[..., Path]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder with one weights file."""
    folder = tmp_path / "weights"
    folder.mkdir()
    torch.manual_seed(3)
    network = torchvision.models.get_model(BACKBONE, num_classes=4)
    torch.save(network.state_dict(), folder / "some.pth")
    return folder


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest difference, in units of how much the features differ between pictures."""
    return float((one - other).abs().max() / other.std(-2).max())


def test_features_are_the_backbones_on_normalised_crops(prepared: Path, features: Path) -> None:
    info = feature_files.read_info(features)
    backbone = build_backbone(BACKBONE, 0)
    load_state(backbone, load_file(features / "backbone.safetensors"))
    for split, rows in (("train", 36), ("valid", 12)):
        stored, pictures = read_features(features, split), open_split(prepared / "dataset", split)
        assert stored.values.shape == (1, rows, info.dimension)
        squares = torch.from_numpy(np.array(pictures.images))
        with torch.inference_mode():
            expected = backbone(normalise(squares, info.preprocessing()))
        assert difference(stored.values[0], expected) < 1e-3
        np.testing.assert_array_equal(stored.labels.numpy(), pictures.labels)


def test_each_features_mean_and_deviation_are_computed_once(features: Path) -> None:
    train, valid = read_features(features, "train"), read_features(features, "valid")
    assert train.statistics is not None and valid.statistics is None
    for found, expected in zip(train.statistics, mean_and_std(train.values), strict=True):
        assert torch.equal(found, expected)


def test_features_json_says_where_they_are_from(prepared: Path, features: Path) -> None:
    info, data = feature_files.read_info(features), read_info(prepared / "dataset")
    assert (info.backbone, info.seed, info.dimension, info.views) == (BACKBONE, 0, 1024, 1)
    assert (info.crop, info.resize) == (32, 40)
    assert info.classes == tuple(data["classes"])
    assert info.fingerprint == data["fingerprint"]
    assert info.weights_sha256 is None
    assert (list(info.mean), list(info.std)) == (data["mean"], data["std"])
    assert torch.__version__.startswith(info.versions["torch"])


def test_the_same_input_gives_the_same_bytes(features: Path, extract: Extract) -> None:
    again = extract()
    for path in sorted(features.iterdir()):
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def test_more_views_are_random_but_always_the_same(features: Path, extract: Extract) -> None:
    first, second = extract(views=3), extract(views=3, batch_size=7)
    values = read_features(first, "train").values
    assert values.shape == (3, 36, 1024)
    assert torch.equal(values[0], read_features(features, "train").values[0])
    assert difference(values[1], values[0]) > 0.1
    assert difference(values[1], values[2]) > 0.1
    assert difference(read_features(second, "train").values, values) < 1e-3
    assert read_features(first, "valid").values.shape[0] == 1  # validation is not augmented


def test_what_a_job_before_computed_is_taken_over(
    features: Path,
    extract: Extract,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("JOB_CACHE_DIR", str(tmp_path))
    outputs = [extract(), extract(), extract(views=2), extract(backbone_seed=1), extract(crop=30)]
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith(BACKBONE)]
    known = [line.partition("views")[2] for line in said]
    assert known == ["", ", 48 of them known from before", ", 48 of them known from before", "", ""]
    for name in ("train.npy", "valid.npy"):
        expected = (features / name).read_bytes()
        assert (outputs[0] / name).read_bytes() == (outputs[1] / name).read_bytes() == expected


def test_a_cache_that_cannot_be_written_is_done_without(
    features: Path,
    extract: Extract,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "features").write_text("in the way")
    monkeypatch.setenv("JOB_CACHE_DIR", str(tmp_path))
    assert (extract() / "train.npy").read_bytes() == (features / "train.npy").read_bytes()
    assert "no features are kept for another time" in capsys.readouterr().out


def test_what_was_rounded_for_other_pictures_is_not_taken_over(
    features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOB_CACHE_DIR", str(tmp_path))
    info = feature_files.read_info(features)
    key, value = [b"k" * KEY_BYTES], np.zeros((1, info.dimension), np.float32)
    found = []
    for calibrated in (False, True):
        runtime = Runtime("some", 1, 8, lambda squares: squares.numpy(), calibrated=calibrated)
        for fingerprint in ("these", "others"):
            described = replace(info, fingerprint=fingerprint)
            cache = open_cache(described, runtime, features / feature_files.BACKBONE_FILE)
            assert cache is not None
            found.append(len(cache))
            cache.add(key, value)
    assert found == [0, 1, 0, 0]


def test_with_weights_pictures_are_normalised_as_those_were_trained(
    extract: Extract, weights: Path
) -> None:
    info = feature_files.read_info(extract(weights=weights))
    assert (info.mean, info.std) == (IMAGENET_MEAN, IMAGENET_STD)
    assert info.weights_sha256 is not None
    assert len(info.weights_sha256) == 64


def test_inception_gets_the_normalisation_that_it_was_trained_with() -> None:
    pictures = torch.rand(2, 3, 80, 80)
    whole = torchvision.models.get_model("googlenet", transform_input=True, init_weights=False)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    transformed = whole._transform_input((pictures - mean) / std)
    own_mean, own_std = pretrained_normalisation("googlenet", whole)
    assert own_mean == own_std == [0.5, 0.5, 0.5]
    torch.testing.assert_close((pictures - 0.5) / 0.5, transformed)


def test_a_weights_file_that_does_not_fit_is_named(extract: Extract, weights: Path) -> None:
    with pytest.raises(JobError, match=r"some\.pth: it does not fit backbone squeezenet1_1"):
        extract(weights=weights, backbone="squeezenet1_1")


@pytest.mark.parametrize("files", [[], ["a.pth", "b.pth"]])
def test_the_weights_folder_must_hold_one_file(
    extract: Extract, tmp_path: Path, files: list[str]
) -> None:
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(JobError, match=f"one weights file; found {', '.join(files) or 'none'}"):
        extract(weights=tmp_path)


def test_weights_that_give_no_numbers_are_refused(extract: Extract, tmp_path: Path) -> None:
    state = build_backbone(BACKBONE).state_dict()
    state["conv5.0.weight"].fill_(float("nan"))
    torch.save(state, tmp_path / "nan.pth")
    with pytest.raises(JobError, match=r"not finite.*backbone\.weights"):
        extract(weights=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"views": 0}, "--views must be 1 or more"),
        ({"batch_size": 0}, "--batch-size must be 1 or more"),
        ({"crop": 41}, "crop 41 must be from 1 to the size of the prepared pictures"),
        ({"backbone": "vit_b_32"}, "vit_b_32 cannot take pictures of 32 x 32"),
    ],
)
def test_settings_that_cannot_work_are_explained(
    extract: Extract, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(JobError, match=message):
        extract(**arguments)


def test_a_folder_without_a_data_set_is_explained(tmp_path: Path) -> None:
    empty = str(tmp_path)
    with pytest.raises(JobError, match=r"dataset\.json is missing"):
        main(["--dataset", empty, "--features", empty, "--backbone", BACKBONE, "--crop", "32"])


@pytest.mark.parametrize("damage", ["missing", "incomplete", "labels", "statistics"])
def test_damaged_features_are_refused(features: Path, tmp_path: Path, damage: str) -> None:
    (tmp_path / "features.json").write_text(json.dumps({"backbone": BACKBONE}))
    (tmp_path / "train.npy").write_bytes((features / "train.npy").read_bytes())
    np.save(tmp_path / "train.labels.npy", np.zeros(5, np.int64))
    if damage == "statistics":
        shutil.copy(features / "train.labels.npy", tmp_path)
        np.save(tmp_path / "train.statistics.npy", np.zeros((2, 3), np.float32))
    with pytest.raises(JobError, match="statistics" if damage == "statistics" else None):
        if damage in ("labels", "statistics"):
            read_features(tmp_path, "train")
        elif damage == "missing":
            read_features(tmp_path, "valid")
        else:
            feature_files.read_info(tmp_path)
