"""Write, read and run a model artifact's network by PyTorch; a graph is served without this."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.fx.experimental.optimization import fuse

from artifact import (
    WEIGHTS_FILE,
    ArtifactError,
    ModelDescription,
    read_description,
    write_description,
)
from network import (
    Classifier,
    Head,
    NetworkError,
    best_device,
    build_backbone,
    load_state,
)
from spatial_map import served_network

Array = npt.NDArray[np.float32]


def write_model(folder: Path, classifier: nn.Module, description: ModelDescription) -> None:
    """Write model.safetensors and model.json into `folder`: the same bytes for the same model."""
    state = {key: value.cpu().contiguous() for key, value in classifier.state_dict().items()}
    save_file(state, folder / WEIGHTS_FILE)
    (folder / WEIGHTS_FILE).chmod(0o644)  # safetensors makes it unreadable for a server's user
    write_description(folder, description)


def read_model(folder: Path) -> tuple[Classifier, ModelDescription]:
    """Read the network, in eval mode on the CPU, and its description; raises ArtifactError."""
    description = read_description(folder)
    path = folder / WEIGHTS_FILE
    try:
        state = load_file(path)
        dimension = state["head.mean"].numel()
        head = Head(dimension, len(description.classes))
        classifier = Classifier(build_backbone(description.backbone), head)
        load_state(classifier, state)
    except (OSError, KeyError, RuntimeError, SafetensorError, NetworkError) as error:
        raise ArtifactError(f"{path} does not hold the model it should: {error}") from error
    return classifier.eval(), description


class TorchNetwork:
    """Maps normalised pictures float32 (N, 3, C, C) to logits float32 (N, classes), by PyTorch."""

    def __init__(
        self, served: nn.Module, outputs: tuple[str, ...], folder: Path, gpu: int | None = None
    ) -> None:
        """Take what `served_network` returned of the model in `folder`; it is changed."""
        self.path, self.outputs = folder / WEIGHTS_FILE, outputs
        torch.backends.cudnn.allow_tf32 = False  # a GPU must answer as the CPU evaluated
        self._device = best_device(gpu)
        # batch norms folded into convolutions: torchvision's models can all be traced
        network = fuse(served, inplace=True)
        network = network.to(device=self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network = network

    def run(self, batch: Array) -> Array:
        """Return the logits; may be called from several threads at once."""
        return self.run_outputs(batch, self.outputs[:1])[0]

    def run_outputs(self, batch: Array, names: Sequence[str]) -> list[Array]:
        """Return the named outputs; may be called from several threads at once."""
        pictures = torch.from_numpy(batch).to(self._device)
        with torch.inference_mode():
            outputs = self._network(pictures.contiguous(memory_format=torch.channels_last))
            named = dict(zip(self.outputs, outputs, strict=True))
            return [named[name].float().cpu().numpy() for name in names]


def open_torch(folder: Path, threads: int, gpu: int | None = None) -> TorchNetwork:
    """Load the network in `folder`; `threads` share one batch on a CPU. Raises ArtifactError."""
    torch.set_num_threads(threads)
    classifier, description = read_model(folder)
    return TorchNetwork(
        *served_network(classifier, description.preprocessing.crop), folder=folder, gpu=gpu
    )


def sees_gpu() -> bool:
    """Check whether PyTorch has a GPU to run on."""
    return torch.cuda.is_available()
