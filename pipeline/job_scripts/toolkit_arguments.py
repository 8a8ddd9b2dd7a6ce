"""Tell what SageMaker's training toolkit makes of hyperparameters, and which values it breaks.

Up to sagemaker-training 5.1.2 (AWS's PyTorch images hold 5.1.1) it joins the script's command with
spaces and hands it to /bin/sh as it is: run_async in src/sagemaker_training/process.py. A space, a
quote or a `&` in a value ends the job with exit code 127 and no message.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

PLAIN = "letters, digits and _ . , : / = @ % + -"
_PLAIN = re.compile(r"[A-Za-z0-9_.,:/=@%+-]+")


def decoded(value: str) -> Any:
    """Return a hyperparameter's value as the toolkit reads it: as JSON, where it is JSON."""
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def argument(value: Any) -> str:
    """Return the script's argument that a decoded value becomes."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ",".join(f"{key}={inner}" for key, inner in sorted(value.items()))
    return str(value)


def survives_a_shell(value: str) -> bool:
    """Check whether a hyperparameter's value reaches the script as one unchanged argument."""
    return _PLAIN.fullmatch(argument(decoded(value))) is not None
