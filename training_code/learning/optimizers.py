"""List the optimizers that can be chosen: names in torch.optim, with the options of each.

Imports no torch: the settings and the offline check take the names from here.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyperparameters import Hyperparameters

# Weight decay is every optimizer's; an option here may depend on the hyperparameters.
OPTIMIZERS: Mapping[str, Callable[["Hyperparameters"], dict[str, Any]]] = {
    "SGD": lambda settings: {"momentum": 0.9, "nesterov": True, "fused": True},
    "Adam": lambda settings: {"fused": True},
    "AdamW": lambda settings: {"fused": True},
    "LBFGS": lambda settings: {
        "line_search_fn": "strong_wolfe",
        "max_iter": 1,  # an epoch is a step,
        "max_eval": 10,  # which mostly needs the loss over all pictures once
        "history_size": 20,
    },
}
# Those whose every step looks at all pictures: they make no use of a rate or of batches, and train
# the head alone, as pictures that pass through backbone blocks cannot all be looked at in each.
FULL_BATCH = ("LBFGS",)
