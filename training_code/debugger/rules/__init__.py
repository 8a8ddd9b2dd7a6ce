"""Register Debugger's built-in rules for smdebug, to run locally, in the job or on the service.

A rule is a file of this folder and a row of RULES, from whose text the settings know its name,
parameters and defaults. Those of AWS's rules are as on its page "List of Debugger built-in rules"
(docs.aws.amazon.com/sagemaker/latest/dg/debugger-built-in-rules.html); where the page leaves
something open, the class says what was chosen.
"""

from debugger.rules.base import SavedTensorRule
from debugger.rules.class_imbalance import ClassImbalance
from debugger.rules.dead_relu import DeadRelu
from debugger.rules.exploding_tensor import ExplodingTensor
from debugger.rules.loss_not_decreasing import LossNotDecreasing
from debugger.rules.overfit import Overfit
from debugger.rules.overtraining import Overtraining
from debugger.rules.poor_weight_initialization import PoorWeightInitialization
from debugger.rules.saturated_activation import SaturatedActivation
from debugger.rules.unchanged_tensor import UnchangedTensor
from debugger.rules.vanishing_gradient import VanishingGradient

RULES: dict[str, type[SavedTensorRule]] = {
    "VanishingGradient": VanishingGradient,
    "ExplodingTensor": ExplodingTensor,
    "Overfit": Overfit,
    "Overtraining": Overtraining,
    "PoorWeightInitialization": PoorWeightInitialization,
    "LossNotDecreasing": LossNotDecreasing,
    "DeadRelu": DeadRelu,
    "SaturatedActivation": SaturatedActivation,
    "UnchangedTensor": UnchangedTensor,
    "ClassImbalance": ClassImbalance,
}
