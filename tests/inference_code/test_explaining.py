"""Why an answer was given: a map that is exact, in its place, and the training pictures alike."""

import base64
import json
import shutil
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from artifact import ArtifactError, read_description
from explaining import evidence
from graphs.export import export_graph
from graphs.int8 import write_int8_graph
from head_weights import read_head
from heat import LARGEST_SIDE
from inference import model_fn, respond
from network import Classifier, Head, build_backbone
from prediction import Model, decode_squares, explain, open_model, predict
from preprocessing import Preprocessing
from request_json import MAX_EXPLAINED
from spatial_map import served_network, with_map
from torch_model import write_model
from training_examples import EXAMPLES_FILE, Examples, read_examples, write_examples

COLOURS = ("red", "green", "blue")
SIDE = 32


class Colours(nn.Module):
    """Three features: how red, green and blue each of 4 x 4 places is."""

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the mean of the places."""
        places = nn.functional.avg_pool2d(pictures, SIDE // 4).relu()
        return nn.functional.adaptive_avg_pool2d(places, 1).flatten(1)


@pytest.fixture(scope="module")
def colours_dir(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact of a model that names the colour of which there is most, with its graph."""
    folder = shutil.copytree(model_dir, tmp_path_factory.mktemp("colours") / "model")
    head = Head(3, 3)
    head.linear.weight.data = 5 * torch.eye(3)
    description = replace(
        read_description(model_dir),
        classes=COLOURS,
        preprocessing=Preprocessing(40, SIDE, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    )
    classifier = Classifier(Colours(), head)
    write_model(folder, classifier, description)
    network, names = served_network(classifier, SIDE)
    export_graph(network, SIDE, folder / "model.onnx", output_names=names)
    return folder


@pytest.fixture(scope="module")
def colours(colours_dir: Path) -> Model:
    """The same, as an endpoint loads it."""
    return model_fn(str(colours_dir))


def drawn(box: tuple[int, int, int, int], size: tuple[int, int], turned: int = 1) -> bytes:
    """A picture with red in the box, and nothing else; stored as an orientation of EXIF says."""
    image, file = Image.new("RGB", size), BytesIO()
    image.paste((255, 0, 0), box)
    back = {6: Image.Transpose.ROTATE_90, 3: Image.Transpose.ROTATE_180}
    exif = Image.Exif()
    exif[0x0112] = turned
    (image.transpose(back[turned]) if turned in back else image).save(file, "PNG", exif=exif)
    return file.getvalue()


def asked(*pictures: bytes, **more: Any) -> bytes:
    given = [{"b64": base64.b64encode(one).decode()} for one in pictures]
    return json.dumps({"instances": given, "explain": True, **more}).encode()


def why(model: Model, *pictures: bytes) -> list[dict[str, Any]]:
    answer = respond(model, asked(*pictures), "application/json", None)
    assert answer.status == 200, answer.text
    return [one["explanation"] for one in json.loads(answer.text)["predictions"]]


def heat_of(explanation: dict[str, Any]) -> Image.Image:
    image = Image.open(BytesIO(base64.b64decode(explanation["heat"])))
    assert image.format == "PNG"
    return image.convert("RGBA")


def hottest(heat: Image.Image) -> tuple[float, float]:
    """The middle of what is red and covered most, as shares of width and height."""
    values = np.asarray(heat).astype(int)
    hot = (values[..., 3] >= values[..., 3].max()) & (values[..., 0] > 100)
    rows, columns = np.nonzero(hot)
    return (columns.mean() + 0.5) / heat.width, (rows.mean() + 0.5) / heat.height


@pytest.mark.parametrize(
    ("backbone", "runtime"),
    [("squeezenet1_1", "graph"), ("squeezenet1_1", "torch"), ("shufflenet_v2_x0_5", "graph")],
)
def test_the_map_is_all_that_the_answer_is_made_of(
    backbone: str, runtime: str, model_dir: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    layers = build_backbone(backbone)
    head = Head(int(layers(torch.zeros(1, 3, 64, 64)).shape[1]), 3)
    nn.init.normal_(head.linear.weight)
    nn.init.normal_(head.linear.bias)
    nn.init.uniform_(head.mean, 0, 0.2)
    nn.init.uniform_(head.std, 0.5, 2)
    preprocessing = Preprocessing(72, 64, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    description = replace(
        read_description(model_dir), backbone=backbone, preprocessing=preprocessing
    )
    classifier = Classifier(layers, head).eval()
    write_model(tmp_path, classifier, description)
    network, names = served_network(classifier, 64)
    export_graph(network, 64, tmp_path / "model.onnx", output_names=names)

    model = open_model(tmp_path, runtime)
    assert model.explainer is not None
    random = np.random.default_rng(0)
    squares = list(random.integers(0, 256, (2, 3, 72, 72), dtype=np.uint8))
    batch = torch.from_numpy(np.stack(squares)).float()[..., 4:68, 4:68] / 255
    _logits, _features, places = model.explainer.outputs(((batch - 0.5) / 0.5).numpy())
    read = read_head(tmp_path)
    for place, answer in enumerate(predict(squares, model).probabilities):
        logits = np.array(
            [evidence(read, places[place], label).mean() + read.bias[label] for label in range(3)]
        )
        powers = np.exp(logits - logits.max())
        np.testing.assert_allclose(powers / powers.sum(), answer, atol=1e-4)
    explained, _why = explain(squares, model)
    np.testing.assert_allclose(
        explained.probabilities, predict(squares, model).probabilities, atol=1e-6
    )


@pytest.mark.parametrize("turned", [1, 3, 6])
@pytest.mark.parametrize(
    ("box", "size", "middle"),
    [
        ((8, 8, 28, 28), (100, 100), (0.2, 0.2)),
        ((75, 75, 90, 90), (100, 100), (0.82, 0.82)),
        # of a wide or a tall picture the middle is seen: a tenth of its sides is cropped, too
        ((165, 60, 185, 90), (300, 100), (0.58, 0.75)),
        ((50, 170, 90, 190), (100, 300), (0.7, 0.6)),
    ],
)
def test_it_lights_where_the_object_is_on_the_upright_picture(
    colours: Model,
    box: tuple[int, int, int, int],
    size: tuple[int, int],
    middle: tuple[float, float],
    turned: int,
) -> None:
    (found,) = why(colours, drawn(box, size, turned))
    heat = heat_of(found)
    assert max(heat.size) == LARGEST_SIDE
    assert heat.width / heat.height == pytest.approx(size[0] / size[1], rel=0.02)
    assert hottest(heat) == pytest.approx(middle, abs=0.11)


def test_in_8_bits_it_lights_at_the_same_place(
    colours_dir: Path, tmp_path: Path, colours: Model
) -> None:
    pytest.importorskip("onnx")
    folder, picture = (
        shutil.copytree(colours_dir, tmp_path / "m"),
        drawn((8, 8, 28, 28), (100, 100)),
    )
    random = np.random.default_rng(0)
    batches = (
        {"pictures": random.uniform(-1, 1, (4, 3, SIDE, SIDE)).astype(np.float32)} for _ in "ab"
    )
    write_int8_graph(folder / "model.onnx", folder / "model.int8.onnx", batches)
    rounded = model_fn(str(folder))
    assert rounded.runtime == "int8"
    exact, found = (hottest(heat_of(why(one, picture)[0])) for one in (colours, rounded))
    assert found == pytest.approx(exact, abs=0.05)


def test_what_was_cropped_away_is_darkened_and_what_says_nothing_is_left_clear(
    colours: Model,
) -> None:
    (found,) = why(colours, drawn((140, 40, 160, 60), (300, 100)))
    heat = heat_of(found)
    *_rgb, unseen = heat.getpixel((5, heat.height // 2))  # type: ignore[misc]
    *_rgb, corner = heat.getpixel((heat.width // 2 - 20, heat.height // 6))  # type: ignore[misc]
    assert unseen > 60
    assert corner < 10


@pytest.mark.parametrize("size", [(6000, 3), (2, 900), (1, 1), (3000, 2000)])
def test_a_map_is_small_whatever_the_picture(colours: Model, size: tuple[int, int]) -> None:
    (found,) = why(colours, drawn((0, 0, *size), size))
    assert len(found["heat"]) < 20_000
    assert max(heat_of(found).size) <= LARGEST_SIDE


def test_an_answer_is_the_same_with_and_without(colours: Model) -> None:
    picture = drawn((10, 10, 60, 60), (100, 80))
    (plain,) = json.loads(respond(colours, picture, "image/png", None).text)["predictions"]
    body = asked(picture)
    (told,) = json.loads(respond(colours, body, "application/json", None).text)["predictions"]
    assert set(told) - set(plain) == {"explanation"}
    assert told["explanation"]["looks_like"] == []
    assert told["probability_list"] == pytest.approx(plain["probability_list"], abs=1e-6)


@pytest.mark.parametrize(
    ("body", "accept", "status", "code"),
    [
        (asked(drawn((0, 0, 9, 9), (9, 9)), explain="yes"), None, 422, "InvalidExplain"),
        (asked(drawn((0, 0, 9, 9), (9, 9)), explain=1), None, 422, "InvalidExplain"),
        (asked(*[drawn((0, 0, 9, 9), (9, 9))] * (MAX_EXPLAINED + 1)), None, 413, "TooManyPictures"),
        (asked(drawn((0, 0, 9, 9), (9, 9))), "text/csv", 406, "NotAcceptable"),
    ],
)
def test_what_cannot_be_explained_is_refused(
    colours: Model, body: bytes, accept: str | None, status: int, code: str
) -> None:
    answer = respond(colours, body, "application/json", accept)
    assert (answer.status, json.loads(answer.text)["error"]["code"]) == (status, code)


def test_a_model_without_a_map_says_that_it_cannot(model: Model) -> None:
    blind = replace(model, explainer=None)
    answer = respond(blind, asked(drawn((0, 0, 9, 9), (9, 9))), "application/json", None)
    assert answer.status == 422
    assert "shufflenet_v2_x0_5 cannot be explained" in answer.text


@pytest.mark.parametrize(
    ("backbone", "mapped"),
    [("resnet18", True), ("mobilenet_v3_small", False), ("alexnet", False)],
)
def test_only_features_that_are_a_mean_over_places_have_a_map(backbone: str, mapped: bool) -> None:
    assert (with_map(build_backbone(backbone), 64) is not None) is mapped


def test_a_map_of_one_place_is_none() -> None:
    assert with_map(build_backbone("shufflenet_v2_x0_5"), 32) is None


def some_examples() -> Examples:
    """Four training pictures, all of one colour each."""
    return Examples(
        projection=np.eye(3, dtype=np.float16),
        scale=np.full(3, 1 / 127, np.float32),
        places=np.array([[127, 0, 0], [0, 127, 0], [0, 0, 127], [90, 90, 0]], np.int8),
        labels=np.array([0, 1, 2, 0], np.int32),
        contents=np.arange(128, dtype=np.uint8).reshape(4, 32),
        files=("red/1.png", "green/Жук.png", "blue/3.png", "red/orange.png"),
    )


def test_the_training_pictures_that_it_looks_like_are_named_nearest_first(colours: Model) -> None:
    assert colours.explainer is not None
    explainer = replace(colours.explainer, examples=some_examples())
    (found,) = why(replace(colours, explainer=explainer), drawn((0, 0, 99, 99), (99, 99)))
    first, second, _third = found["looks_like"]
    assert first == {
        "file": "red/1.png",
        "sha256": bytes(range(32)).hex(),
        "label": "red",
        "similarity": 1.0,
    }
    assert (second["file"], second["similarity"]) == (
        "red/orange.png",
        pytest.approx(0.7071, abs=0.01),
    )


def test_examples_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_examples(tmp_path, some_examples())
    first = (tmp_path / EXAMPLES_FILE).read_bytes()
    found = read_examples(tmp_path, 3)
    assert found is not None
    assert found.files == some_examples().files
    write_examples(tmp_path, found)
    assert (tmp_path / EXAMPLES_FILE).read_bytes() == first


@pytest.mark.parametrize("damage", ["cut", "no archive", "fewer classes", "other names"])
def test_damaged_examples_are_refused_when_the_model_is_loaded(
    model_dir: Path, tmp_path: Path, damage: str
) -> None:
    folder = shutil.copytree(model_dir, tmp_path / "model")
    path, examples = folder / EXAMPLES_FILE, some_examples()
    if damage == "fewer classes":
        examples = replace(examples, labels=np.array([0, 1, 2, 3], np.int32))
    elif damage == "other names":
        examples = replace(examples, files=("one",))
    write_examples(folder, examples)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:300])
    elif damage == "no archive":
        path.write_bytes(b"no archive")
    with pytest.raises(ArtifactError, match=r"examples\.npz cannot be used"):
        open_model(folder)


def test_the_picture_of_a_request_is_decoded_as_ever(colours: Model) -> None:
    picture = drawn((0, 0, 50, 50), (100, 80))
    (square,) = decode_squares([picture], colours)
    assert square.shape == (3, 40, 40)
