"""Weight pictures by how rare their class is, so that small classes are learned as large ones are.

Imports no torch: the settings, the offline check and the report take names and formula from here.
"""

from collections.abc import Mapping, Sequence

# How strongly rareness counts: the power of a class's number of pictures that is divided by.
CLASS_WEIGHTS: Mapping[str, float] = {"none": 0.0, "balanced": 1.0, "sqrt": 0.5}


def weights_of(counts: Sequence[int], kind: str) -> list[float] | None:
    """Return the weight of a picture of each class, from the classes' pictures; None for `none`.

    With n_c pictures of class c, N = sum(n_c) and a power p: w_c = n_c^-p N / sum(n_c^(1-p)), so
    that a picture's mean weight is 1 and learning rates keep their meaning. `balanced` (p = 1) is
    N / (K n_c) for K classes, scikit-learn's compute_class_weight("balanced") after King and Zeng,
    "Logistic Regression in Rare Events Data" (2001): each class counts as much as any other.
    `sqrt` (p = 1/2) goes half of the way. A class without pictures has the weight 1.
    """
    power = CLASS_WEIGHTS[kind]
    if not power:
        return None
    scale = sum(counts) / sum(count ** (1 - power) for count in counts if count)
    return [scale * count**-power if count else 1.0 for count in counts]
