"""Load every shape that a definition is checked against, from botocore without a session."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pipeline.check.own_shapes import Shape, own_shapes

NUMBERS = ("integer", "long", "float", "double")
SCALARS = ("string", "boolean", "timestamp", "blob", "scalar", *NUMBERS)


@cache
def load_shapes() -> Mapping[str, Shape]:
    """Return all shapes by name, in botocore's own form; read once a process (about 0.2 s)."""
    known = botocore_shapes()
    return {**known, **own_shapes(known)}


def botocore_shapes() -> Mapping[str, Shape]:
    """Return SageMaker's shapes, and those of EMR and EMR Serverless with a prefix each."""
    from botocore.loaders import Loader

    loader = Loader()
    known: dict[str, Shape] = dict(loader.load_service_model("sagemaker", "service-2")["shapes"])
    for service, prefix in (("emr", "EMR."), ("emr-serverless", "EMRServerless.")):
        for name, shape in loader.load_service_model(service, "service-2")["shapes"].items():
            known[prefix + name] = _prefixed(shape, prefix)
    return known


def _prefixed(value: Any, prefix: str) -> Any:
    """Return a shape, or a part of one, that names the shapes it is made of with a prefix."""
    if isinstance(value, Mapping):
        return {
            key: prefix + inner
            if key == "shape" and isinstance(inner, str)
            else _prefixed(inner, prefix)
            for key, inner in value.items()
        }
    return value
