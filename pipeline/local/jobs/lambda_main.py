"""Run a handler as Lambda does: load it, give it an event, write down what it answers.

Run as a script, alone in its process: `lambda_main.py FUNCTION_ARN HANDLER EVENT ANSWER`, the last
three being files.
"""

import importlib.util
import json
import sys
import time
import traceback
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIMIT_S = 600.0  # seconds until a function is ended
_NAMES = ("lambda_handler", "handler")


class Context:
    """The `context` of a handler, with what handlers ask of it."""

    def __init__(self, arn: str) -> None:
        self.invoked_function_arn = arn
        self.function_name = name_of(arn)
        self.aws_request_id = str(uuid.uuid4())
        self._deadline = time.monotonic() + LIMIT_S

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the function is ended."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def name_of(arn: str) -> str:
    """Return the name of the function in an ARN, whatever its version or alias."""
    return arn.rpartition(":function:")[2].partition(":")[0]


def main(arn: str, handler_file: str, event_file: str, answer_file: str) -> int:
    """Call the handler and write {"output": …} or {"error": message, "type": class}."""
    event = json.loads(Path(event_file).read_text())
    try:
        output = _load(Path(handler_file))(event, Context(arn))
        answer = json.dumps({"output": output})
        code = 0
    except Exception as error:
        traceback.print_exc()
        answer = json.dumps({"error": str(error), "type": type(error).__name__})
        code = 1
    Path(answer_file).write_text(answer)
    return code


def _load(path: Path) -> Callable[[Any, Context], Any]:
    # A function's zip has its files at the top, so modules beside it are imported by name.
    sys.path[0] = str(path.parent)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    for name in _NAMES:
        if handler := getattr(module, name, None):
            return handler  # type: ignore[no-any-return]
    raise ImportError(f"{path} has no function named {' or '.join(_NAMES)}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
