"""List what a training of the head alone has to save, and which collections its rules ask for."""

import re
from collections.abc import Iterable

# As smdebug names them. With fine-tuning there are the backbone's as well, which differ by model.
HEAD_TENSORS = (
    "Head_linear.weight",
    "Head_linear.bias",
    "gradient/Head_linear.weight",
    "gradient/Head_linear.bias",
    "linear_input_0",
    "linear_output_0",
    "Head_input_0",
    "Head_output_0",
    "ClassificationLoss_input_0",
    "ClassificationLoss_input_1",
    "ClassificationLoss_output_0",
)
# Nobody has to ask for these; a rule that needs one says itself when there is nothing in it.
ASKED_BY_RULES = (
    *("gradients", "losses", "weights"),
    *("loss_input", "relu_input", "relu_output", "tanh_sigmoid_input"),
)


def matches(patterns: str, tensors: Iterable[str]) -> bool:
    """Check whether one of a collection's patterns, separated by commas, is in one of the names."""
    found = [re.compile(pattern.strip()) for pattern in patterns.split(",")]
    return any(pattern.search(tensor) for tensor in tensors for pattern in found)
