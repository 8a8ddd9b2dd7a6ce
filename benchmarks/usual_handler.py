"""Serve a PyTorch model as most people write it: the usual handler that we measure against.

A copy of this file is code/inference.py of the usual model.tar.gz; AWS's model server runs it.
Eager PyTorch, torchvision's transforms on a PIL picture, one picture a request.
"""

import io
import json
from pathlib import Path
from typing import Any

import torch
import torchvision
from PIL import Image
from torch import Tensor, nn
from torchvision import transforms

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Served = tuple[nn.Module, list[str]]

transform = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, STD),
    ]
)


def build_model(backbone: str, classes: int) -> nn.Module:
    """Build torchvision's model with a linear head for so many classes."""
    model: Any = torchvision.models.get_model(backbone)
    if isinstance(model, torchvision.models.ResNet):
        model.fc = nn.Linear(model.fc.in_features, classes)
    elif isinstance(model, torchvision.models.SqueezeNet):
        head = nn.Linear(model.classifier[1].in_channels, classes)
        model.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    else:
        model.classifier[-1] = nn.Linear(model.classifier[-1].in_features, classes)
    built: nn.Module = model
    return built


def model_fn(model_dir: str) -> Served:
    """Load the model in eval mode, and its classes."""
    description = json.loads((Path(model_dir) / "classes.json").read_text())
    model = build_model(description["backbone"], len(description["classes"]))
    state = torch.load(Path(model_dir) / "model.pth", map_location="cpu", weights_only=True)
    model.load_state_dict(state)
    return model.eval(), description["classes"]


def input_fn(body: bytes, content_type: str) -> Tensor:
    """Decode the request into a batch of one picture."""
    if content_type != "image/jpeg":
        raise ValueError(f"unsupported content type {content_type}")
    image = Image.open(io.BytesIO(body)).convert("RGB")
    return transform(image).unsqueeze(0)  # type: ignore[no-any-return]


def predict_fn(batch: Tensor, served: Served) -> dict[str, float]:
    """Predict the probability of every class."""
    model, classes = served
    with torch.no_grad():
        probabilities = torch.softmax(model(batch), dim=1)[0]
    return dict(zip(classes, probabilities.tolist(), strict=True))


def output_fn(prediction: dict[str, float], accept: str) -> str:
    """Return JSON in the shape that our own endpoint answers in."""
    label = max(prediction, key=lambda name: prediction[name])
    answer = {"label": label, "probability": prediction[label], "probabilities": prediction}
    return json.dumps({"predictions": [answer]})
