"""Load every shape that a definition is checked against, from botocore without a session."""

from collections.abc import Mapping
from functools import cache

from pipeline.check.own_shapes import Shape, own_shapes

NUMBERS = ("integer", "long", "float", "double")
SCALARS = ("string", "boolean", "timestamp", "blob", "scalar", *NUMBERS)


@cache
def load_shapes() -> Mapping[str, Shape]:
    """Return all shapes by name, in botocore's own form; read once a process (about 0.1 s)."""
    from botocore.loaders import Loader

    known = Loader().load_service_model("sagemaker", "service-2")["shapes"]
    return {**known, **own_shapes(known)}
