"""Make smdebug importable in this process: it is installed here, and protobuf made to suit it.

smdebug 1.0.34 holds code that protobuf's compiler wrote in 2022, which protobuf 4 and later read in
pure Python only. A process chooses that when it first imports google.protobuf, so this comes
before, and only where tensors are saved or judged: what pure Python costs, nobody else pays. The
one call of smdebug that NumPy 2.3 dropped (ndarray.tostring) is in the writer that tensor_writer.py
replaces.
"""

import os
from pathlib import Path

from job.errors import JobError
from job.packages import install_unmet

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements-debugger.txt"
_CHOICE = "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"


class WrongProtobufError(JobError):
    """Something imported google.protobuf first, in the form that smdebug cannot be read by."""


def prepare_smdebug() -> None:
    """Install smdebug if it is missing, and load protobuf's pure Python form for it.

    Processes started from here choose for themselves. Raises WrongProtobufError, and JobError
    when pip cannot install.
    """
    install_unmet(REQUIREMENTS, "--no-deps")
    before = os.environ.get(_CHOICE)
    os.environ[_CHOICE] = "python"
    try:
        from google.protobuf.internal import api_implementation  # noqa: PLC0415 - not earlier
    finally:
        if before is None:
            del os.environ[_CHOICE]
        else:
            os.environ[_CHOICE] = before
    if api_implementation.Type() != "python":
        raise WrongProtobufError(
            f"smdebug needs {_CHOICE}=python, and google.protobuf was imported without it: set it "
            "in the job's environment, or import later what imports google.protobuf (onnx, say)"
        )
