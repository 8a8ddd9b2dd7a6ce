"""Small real trainings for the rules to judge.

All tensors come from the project's own hook, in the modes that training sets.
"""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from smdebug.pytorch import ReductionConfig, SaveConfig
from torch import Tensor, nn

from debugger.guarded_hook import GuardedHook
from debugger.rule_evaluation import RuleOutcome, evaluate_rules
from debugger.session import Debugger

COLLECTIONS = ("losses", "gradients", "weights")
ACTIVATIONS = ".*(relu|tanh|sigmoid)_input.*"
LOSS_INPUTS = ".*Loss_input.*"


def layers(activation: type[nn.Module], widths: tuple[int, ...], gain: float = 1.0) -> nn.Module:
    """Linear layers with activations between them, drawn with Kaiming's variance times gain**2."""
    parts: list[tuple[str, nn.Module]] = []
    kind = activation.__name__.lower()
    for number in range(len(widths) - 1):
        linear = nn.Linear(widths[number], widths[number + 1])
        nn.init.normal_(linear.weight, std=gain * (2 / widths[number]) ** 0.5)
        nn.init.zeros_(linear.bias)
        parts += [(f"linear{number}", linear), (f"{kind}{number}_{kind}", activation())]
    return nn.Sequential(OrderedDict(parts[:-1]))


def blobs(count: int, classes: int = 3, seed: int = 0, spread: float = 0.5) -> tuple[Any, Any]:
    """`count` points of 8 numbers around one centre a class, the same centres for every seed."""
    centres = torch.randn(classes, 8, generator=torch.Generator().manual_seed(99))
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % classes
    return centres[labels] + spread * torch.randn(count, 8, generator=draw), labels


Data = tuple[Tensor, Tensor]


def train(
    folder: Path,
    network: nn.Module,
    data: Data,
    *,
    valid: Data | None = None,
    lr: float = 0.1,
    epochs: int = 12,
    batch: int | None = None,
    regex: str | None = None,
    collections: tuple[str, ...] = COLLECTIONS,
    maximize: bool = False,
    reductions: ReductionConfig | None = None,
) -> Path:
    """Trains with SGD under the hook; a validation after each epoch. Returns the hook's folder."""
    loss = nn.CrossEntropyLoss()
    hook = GuardedHook(
        out_dir=str(folder),
        include_collections=list(collections),
        include_regex=[regex] if regex else None,
        save_config=SaveConfig(save_interval=1),
        reduction_config=reductions,
    )
    debugger = Debugger(hook)
    debugger.watch(network, loss)
    optimizer = torch.optim.SGD(network.parameters(), lr=lr, maximize=maximize)
    for _ in range(epochs):
        debugger.training()
        for rows in torch.arange(len(data[0])).split(batch or len(data[0])):
            optimizer.zero_grad()
            loss(network(data[0][rows]), data[1][rows]).backward()
            optimizer.step()
        debugger.validating()
        with torch.no_grad():
            for rows in torch.arange(len(valid[0])).split(batch or len(valid[0])) if valid else ():
                loss(network(valid[0][rows]), valid[1][rows])
    debugger.close()
    assert not hook.lost
    return folder


def judge(folder: Path, rule: str, **parameters: Any) -> RuleOutcome:
    """The outcome of one rule."""
    (outcome,) = evaluate_rules(folder, {rule: parameters})
    return outcome
