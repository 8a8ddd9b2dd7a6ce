"""Write one model twice: as our artifact, and as the usual handler's.

    python -m benchmarks.build_served --backbone NAME --data DIR --target DIR [--weights FILE]

Run with training_code/ and inference_code/ on the path. The head is a ridge regression on the
features of a few training pictures a class: good enough for answers that can be compared.
`target`/ours/model and `target`/usual/model are extracted models; `target`/ours.tar.gz is ours.
With --int8, `target`/int8/model is ours with the graph in 8 bits, calibrated on those pictures.
"""

import argparse
import json
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from artifact import GRAPH_FILE, INT8_GRAPH_FILE, ModelDescription
from benchmarks.usual_handler import build_model
from graph import open_graph
from graphs.export import INPUT_NAME, export_graph
from graphs.int8 import write_int8_graph
from learning.training_outputs import copy_serving_code
from network import Classifier, Head, build_backbone
from preprocessing import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Preprocessing,
    decode_square,
    normalise,
)
from pretrained.loading import load_backbone_weights
from torch_model import write_model

PREPROCESSING = Preprocessing(256, 224, IMAGENET_MEAN, IMAGENET_STD)
BATCH = 16
CALIBRATION_PICTURES = 128
RIDGE = 0.5
LOGIT_STD = 2.0  # a regression on 0 and 1 gives small logits: probabilities should differ


def read_batch(files: Sequence[Path]) -> Tensor:
    """Read normalised pictures, float32 (N, 3, 224, 224)."""
    squares = [decode_square(file.read_bytes(), PREPROCESSING.resize) for file in files]
    return torch.from_numpy(normalise(np.stack(squares), PREPROCESSING)).contiguous()


def make_classifier(
    backbone: str, weights: Path | None, files: Sequence[tuple[Path, int]], scratch: Path
) -> Classifier:
    """Build the backbone with a head fitted to the features of these pictures and their classes."""
    network = build_backbone(backbone, 0)
    if weights:
        load_backbone_weights(backbone, network, weights)
    export_graph(network, PREPROCESSING.crop, scratch)
    graph = open_graph(scratch)
    paths = [path for path, _ in files]
    batches = (paths[start : start + BATCH] for start in range(0, len(paths), BATCH))
    features = torch.cat([torch.from_numpy(graph.run(read_batch(b).numpy())) for b in batches])
    return Classifier(network, _fit_head(features, torch.tensor([label for _, label in files])))


def _fit_head(features: Tensor, labels: Tensor) -> Head:
    """Fit a head by ridge regression of classes (0 or 1) on standardised features; scale logits."""
    classes = int(labels.max()) + 1
    head = Head(features.shape[1], classes)
    head.mean.copy_(features.mean(0))
    head.std.copy_(features.std(0).clamp(min=1e-3))
    known = (features - head.mean) / head.std
    wanted = torch.nn.functional.one_hot(labels, classes).float() - 1 / classes
    gram = known.T @ known + RIDGE * len(known) * torch.eye(known.shape[1])
    weight = torch.linalg.solve(gram, known.T @ wanted)
    weight *= LOGIT_STD / (known @ weight).std()
    head.linear.weight.data.copy_(weight.T)
    head.linear.bias.data.zero_()
    return head


def write_ours(target: Path, backbone: str, classifier: Classifier, classes: list[str]) -> None:
    """Write the artifact as training writes it, with its graph, extracted and packed."""
    model = target / "ours" / "model"
    model.mkdir(parents=True)
    nothing: dict[str, object] = {}
    description = ModelDescription(
        backbone, tuple(classes), PREPROCESSING, 0, "", None, nothing, nothing, {}
    )
    write_model(model, classifier, description)
    export_graph(classifier, PREPROCESSING.crop, model / GRAPH_FILE)
    copy_serving_code(model / "code")
    with tarfile.open(target / "ours.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(model, arcname=".")


def write_int8(target: Path, files: Sequence[Path]) -> None:
    """Write our artifact with its graph in 8 bits besides: that is what then serves."""
    model = target / "int8" / "model"
    shutil.copytree(target / "ours" / "model", model)
    chosen = files[:: max(1, len(files) // CALIBRATION_PICTURES)]
    starts = range(0, len(chosen), BATCH)
    batches = ({INPUT_NAME: read_batch(chosen[i : i + BATCH]).numpy()} for i in starts)
    write_int8_graph(model / GRAPH_FILE, model / INT8_GRAPH_FILE, batches)


def write_usual(target: Path, backbone: str, classifier: Classifier, classes: list[str]) -> None:
    """Write the weights for the usual handler, standardising folded into its linear layer."""
    model = target / "usual" / "model"
    (model / "code").mkdir(parents=True)
    head = classifier.head
    weight = head.linear.weight / head.std
    bias = head.linear.bias - weight @ head.mean
    usual = build_model(backbone, len(classes))
    (path,) = (name for name, value in usual.state_dict().items() if value.shape == bias.shape)
    own = {path: bias, path.replace(".bias", ".weight"): weight}
    usual.load_state_dict(classifier.backbone.state_dict() | own)
    torch.save(usual.state_dict(), model / "model.pth")
    text = json.dumps({"backbone": backbone, "classes": classes})
    (model / "classes.json").write_text(text)
    shutil.copyfile(Path(__file__).with_name("usual_handler.py"), model / "code" / "inference.py")


@torch.no_grad()
def main() -> None:
    """Write both models of one backbone."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--backbone", required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with train/")
    parser.add_argument("--target", type=Path, required=True, help="a new folder")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--per-class", type=int, default=8)
    parser.add_argument("--int8", action="store_true")
    options = parser.parse_args()
    options.target.mkdir(parents=True)
    folders = sorted(path for path in (options.data / "train").iterdir() if path.is_dir())
    files = [
        (file, label)
        for label, folder in enumerate(folders)
        for file in sorted(folder.iterdir())[: options.per_class]
    ]
    scratch = options.target / "backbone.onnx"
    classifier = make_classifier(options.backbone, options.weights, files, scratch)
    scratch.unlink()
    classes = [folder.name for folder in folders]
    write_ours(options.target, options.backbone, classifier, classes)
    write_usual(options.target, options.backbone, classifier, classes)
    if options.int8:
        write_int8(options.target, [file for file, _ in files])


if __name__ == "__main__":
    main()
