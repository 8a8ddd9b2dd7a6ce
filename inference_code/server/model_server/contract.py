"""Call the functions of a model's code/inference.py as AWS's inference toolkit calls them."""

import importlib.util
import inspect
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from model_server.programs import is_program

DEFAULT_ACCEPT = "application/json"
# The toolkit hands these over as text, and only when they are written exactly so.
_TEXT_TYPES = ("application/json", "text/csv")
_log = logging.getLogger("model_server")


class InferenceCodeError(Exception):
    """A model cannot be loaded by its inference.py, or has none that fits the contract."""


@dataclass(frozen=True)
class ServingContext:
    """The `context` of a model's function: the model's folder and the request's headers."""

    model_dir: str
    headers: Mapping[str, str] = field(default_factory=dict)
    _status: list[int] = field(default_factory=lambda: [200])

    @property
    def status(self) -> int:
        """The HTTP status of the answer: 200 unless the model's code has set another."""
        return self._status[-1]

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        """Set the HTTP status of the answer; the phrase is HTTP's own for it."""
        self._status.append(code)

    @property
    def system_properties(self) -> dict[str, Any]:
        """The model server's properties that user code reads."""
        return {"model_dir": self.model_dir, "gpu_id": None}

    def get_request_header(self, _index: int, name: str) -> str | None:
        """Return a header of the request, by its name in any case; None if not sent."""
        return self.headers.get(name.lower())


@dataclass(frozen=True)
class ModelAnswer:
    """A model's answer: a status, the encoded prediction and its content type."""

    status: int
    body: bytes
    content_type: str


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory, with the functions that answer a request.

    `concurrency` requests may be in its code at a time: 1 unless the code says more.
    `metrics`, if the code has it, tells the model's own numbers as Prometheus text.
    """

    model: Any
    model_dir: str
    transform: Callable[..., Any]
    concurrency: int = 1
    metrics: Callable[[Any], str] | None = None

    def answer(
        self, body: bytes, content_type: str, accept: str, headers: Mapping[str, str]
    ) -> ModelAnswer:
        """Return the model's answer. Raises what the model's code raises."""
        context = ServingContext(self.model_dir, headers)
        accept = DEFAULT_ACCEPT if accept in ("", "*/*") else accept
        data = _as_text(body, content_type)
        result = _call(self.transform, (self.model, data, content_type, accept), context)
        if isinstance(result, tuple):
            result, accept = result
        content = result if isinstance(result, bytes) else str(result).encode()
        return ModelAnswer(context.status, content, accept)


def load_model(model_dir: Path, program: str = "inference.py") -> LoadedModel:
    """Import code/<program> and load the model with its model_fn. Raises InferenceCodeError."""
    if not is_program(program):
        raise InferenceCodeError(f"SAGEMAKER_PROGRAM must name a file in code/, not {program!r}")
    script = model_dir / "code" / program
    if not script.is_file():
        raise InferenceCodeError(f"the model has no code/{program}: pack it into model.tar.gz")
    context = ServingContext(str(model_dir))
    try:
        module = _import(script)
        model = _call(_required(module, "model_fn"), (str(model_dir),), context)
    except InferenceCodeError:
        raise
    except Exception as error:
        if not _is_told_by(script.parent, error):
            _log.exception("the model's own code failed")
        reason = f"{type(error).__name__}: {error}"
        raise InferenceCodeError(f"the model cannot be loaded: {reason}") from None
    transform = getattr(module, "transform_fn", None) or _chain(module)
    concurrency = int(getattr(module, "CONCURRENT_REQUESTS", 1))
    return LoadedModel(
        model, str(model_dir), transform, concurrency, getattr(module, "metrics_text", None)
    )


def _import(script: Path) -> ModuleType:
    sys.path.insert(0, str(script.parent))  # its neighbours are its own modules
    spec = importlib.util.spec_from_file_location(script.stem, script)
    if spec is None or spec.loader is None:
        raise InferenceCodeError(f"code/{script.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[script.stem] = module
    spec.loader.exec_module(module)
    return module


def _is_told_by(code: Path, error: Exception) -> bool:
    """Check whether an error is of a class of the model's own: its message is for people."""
    module = sys.modules.get(type(error).__module__)
    return Path(getattr(module, "__file__", None) or "/").is_relative_to(code)


def _chain(module: ModuleType) -> Callable[..., Any]:
    input_fn, predict_fn, output_fn = (
        _required(module, name) for name in ("input_fn", "predict_fn", "output_fn")
    )

    def transform(
        model: Any, data: bytes | str, content_type: str, accept: str, context: ServingContext
    ) -> Any:
        decoded = _call(input_fn, (data, content_type), context)
        prediction = _call(predict_fn, (decoded, model), context)
        return _call(output_fn, (prediction, accept), context)

    return transform


def _required(module: ModuleType, name: str) -> Callable[..., Any]:
    function = getattr(module, name, None)
    if not callable(function):
        raise InferenceCodeError(f"code/{Path(str(module.__file__)).name} has no function {name}")
    result: Callable[..., Any] = function
    return result


def _call(function: Callable[..., Any], values: tuple[Any, ...], context: ServingContext) -> Any:
    wanted = len(inspect.signature(function).parameters)
    return function(*values, context) if wanted == len(values) + 1 else function(*values)


def _as_text(body: bytes, content_type: str) -> bytes | str:
    if content_type not in _TEXT_TYPES:
        return body
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body  # for input_fn to refuse
