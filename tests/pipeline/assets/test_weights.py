"""backbone.weights -> an address known offline, and the file put there."""

import hashlib
import re
from pathlib import Path

import pytest

from pipeline.assets import weights as module
from pipeline.assets.fetch_weights import best_weights
from pipeline.assets.weights import check_weights, stage_weights, weights_uri
from pipeline.errors import UsageError
from pipeline.settings.loading import load_settings
from tests.pipeline.assets.weights_support import squeezenet_weights
from training_code.backbones import BACKBONES

FILE = Path(__file__).parents[3] / "pipeline.yaml"
BUCKET = "s3://mine"


def settings_with(weights, backbone="resnet18"):
    return load_settings(
        FILE,
        None,
        [f"backbone.weights={weights}", f"backbone.name={backbone}", "aws.bucket=mine"],
    )


def test_a_file_is_addressed_by_its_content(tmp_path):
    path = tmp_path / "resnet.pth"
    path.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()[:16]

    assert weights_uri(settings_with(path)) == f"{BUCKET}/weights/{digest}/resnet.pth"


def test_imagenet_is_addressed_by_name_so_that_compiling_downloads_nothing():
    assert weights_uri(settings_with("imagenet", "mobilenet_v2")) == (
        f"{BUCKET}/weights/torchvision-0.27.1/mobilenet_v2-DEFAULT.pth"
    )


def test_an_address_is_taken_as_it_is_and_none_is_none():
    assert weights_uri(settings_with("s3://theirs/a/b.pth")) == "s3://theirs/a/b.pth"
    assert weights_uri(settings_with("none")) is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no file"),
        (lambda path: path.mkdir(), "is a folder; give the file itself"),
        (lambda path: path.touch(), "is empty"),
    ],
)
def test_a_file_that_is_none(tmp_path, make, message):
    path = tmp_path / "resnet.pth"
    make(path)

    with pytest.raises(UsageError, match=message):
        weights_uri(settings_with(path))


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("imagnet", "did you mean imagenet?"),
        ("ImageNet", "did you mean imagenet?"),
        ("None", "did you mean none?"),
        ("resnet.pth", "or imagenet, s3://..., none"),
    ],
)
def test_a_word_is_known_though_misspelt(tmp_path, word, said):
    with pytest.raises(UsageError, match=f"no file .*{word}; {re.escape(said)}"):
        weights_uri(settings_with(tmp_path / word))


def test_staging_puts_a_file_once(tmp_path):
    path, put = tmp_path / "resnet.pth", {}
    path.write_bytes(b"weights")

    for _ in range(2):
        stage_weights(settings_with(path), put.__setitem__, put.__contains__)

    assert list(put.values()) == [b"weights"]
    assert list(put) == [weights_uri(settings_with(path))]


@pytest.mark.parametrize("weights", ["none", "s3://theirs/a/b.pth"])
def test_staging_leaves_the_users_own_alone(weights):
    put: dict[str, bytes] = {}

    stage_weights(settings_with(weights), put.__setitem__, put.__contains__)

    assert not put


@pytest.fixture
def fetch(monkeypatch, tmp_path):
    """Replaces the process that fetches from torchvision by a script."""

    def replace(script: str) -> None:
        path = tmp_path / "fetch.py"
        path.write_text("import sys\nfrom pathlib import Path\n" + script)
        monkeypatch.setattr(module, "_FETCH", [str(path)])

    return replace


def test_imagenet_weights_are_fetched_when_they_are_not_there(fetch):
    put: dict[str, bytes] = {}
    fetch("Path(sys.argv[2]).write_bytes(sys.argv[1].encode())")

    stage_weights(settings_with("imagenet"), put.__setitem__, put.__contains__)

    assert list(put.values()) == [b"resnet18"]


def test_imagenet_weights_that_are_there_are_not_fetched(fetch):
    fetch("sys.exit(1)")

    put = {}
    stage_weights(settings_with("imagenet"), put.__setitem__, lambda uri: True)
    assert not put


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (3, "torchvision is not installed here"),
        (4, "torchvision has no weights for it"),
        (5, "they cannot be downloaded"),
        (1, "fetching them failed"),
    ],
)
def test_weights_that_cannot_be_had_say_what_to_do_instead(fetch, code, reason):
    fetch(f"print('detail', file=sys.stderr); sys.exit({code})")

    with pytest.raises(UsageError) as caught:
        stage_weights(settings_with("imagenet"), {}.__setitem__, lambda uri: False)

    assert reason in str(caught.value)
    assert "--set backbone.weights=PATH" in str(caught.value)
    assert "--set backbone.weights=none" in str(caught.value)


@pytest.mark.parametrize("weights", ["imagenet", "none", "s3://theirs/a/b.pth"])
def test_weights_that_are_not_at_hand_are_left_to_the_job(weights):
    assert check_weights(settings_with(weights)) is None


def test_a_file_is_checked_by_the_jobs_own_code_before_a_run(tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(b"<html>404</html>")
    with pytest.raises(UsageError) as caught:
        check_weights(settings_with(path))
    assert str(caught.value) == (
        "backbone.weights: weights file w.pth: it is a web page (of a login, or an error?) in place"
        " of the file: download it again"
    )
    assert "\n" not in str(caught.value)


def test_what_is_taken_of_a_file_is_told(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(squeezenet_weights("module."))

    assert check_weights(settings_with(path, "squeezenet1_1")) == "its module.*"
    with pytest.raises(UsageError, match=r"Did you mean backbone\.name=squeezenet1_1"):
        check_weights(settings_with(path, "squeezenet1_0"))


def test_imagenet_weights_suit_the_model_as_it_is_built():
    models = pytest.importorskip("torchvision").models

    for name, backbone in BACKBONES.items():
        best = best_weights(models.get_model_weights(name))
        assert backbone.largest is None or min(best.meta["min_size"]) == backbone.largest
        assert best == models.get_model_weights(name).DEFAULT or name == "vit_h_14"
