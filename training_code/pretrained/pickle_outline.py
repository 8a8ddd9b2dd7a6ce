"""Follow a pickle of torch.save without running it: names and shapes come out, and no object.

Nothing that a pickle names is looked up or called. Dictionaries, lists and plain values come out as
they are, tensors as their outlines, everything else as its name.
"""

import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from pretrained.problems import SAVE, UnusableWeights

_MOST_OPERATIONS = 2_000_000  # 3 s; a large network with its optimizer takes 300,000
_HARMLESS_MODULES = (
    *("torch", "torch.storage", "torch._utils", "torch.serialization"),
    *("torch.cuda", "torch.sparse", "torch.cuda.sparse"),
)
# Types and what makes tensors: torch.load, of the same module, would read another file.
_HARMLESS_NAMES = re.compile(
    r"\w*(Storage|Tensor)|Size|device|_rebuild_\w+|_get_layout|per_(channel|tensor)_\w+"
    r"|q?u?int\d\w*|b?float\d\w*|complex\d+|bool|bits\d\w*"
)
# Besides these modules', what torch.load(weights_only=True) allows.
_HARMLESS = {
    *("collections.OrderedDict", "collections.Counter", "torch.nn.parameter.Parameter"),
    *("_codecs.encode", "torch._tensor._rebuild_from_type_v2"),
    *(f"{module}.{name}" for module in ("builtins", "__builtin__") for name in ("set", "complex")),
    *("builtins.bytearray", "__builtin__.bytearray"),
}
_TENSORS = {f"torch._utils._rebuild_tensor{version}" for version in ("", "_v2", "_v3")}
_PARAMETERS = {
    *("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"),
    "torch.nn.parameter.Parameter",
}
_BYTES = {"Double": 8, "Long": 8, "Float": 4, "Int": 4, "Half": 2, "BFloat16": 2, "Short": 2}


class UnknownOperation(ValueError):
    """A pickle has an operation that torch.save does not write."""


@dataclass(frozen=True)
class Outline:
    """A tensor that was not loaded."""

    shape: tuple[int, ...]


@dataclass(frozen=True)
class Named:
    """A class or function that a pickle names."""

    name: str


@dataclass
class Pickled:
    """What a pickle describes; `storages` are the bytes of its tensors' values by their key.

    `foreign` are the names in it that weights do not need: loading them could run code.
    """

    value: Any = None
    storages: dict[str, int] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)


def outline(file: BinaryIO) -> Pickled:
    """Follow the pickle that begins where `file` stands.

    Raises UnusableWeights, and of one that contradicts itself ValueError, LookupError, TypeError or
    AttributeError.
    """
    follower = _Follower()
    for count, (operation, argument, _) in enumerate(pickletools.genops(file)):
        if count > _MOST_OPERATIONS:
            raise UnusableWeights(f"it describes more than any network; save it with {SAVE}")
        follower.follow(operation.name, argument)
    follower.found.value = follower.stack[-1]
    return follower.found


class _Follower:
    """The stack of a pickle; it knows the operations that torch's own safe reader knows."""

    def __init__(self) -> None:
        self.found = Pickled()
        self.stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def follow(self, name: str, argument: Any) -> None:
        """Do one operation, as far as values go."""
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _NEW:
            self.stack.append(_NEW[name]())
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            self.stack.append(self._memo[argument])
        elif name == "MARK":
            self._marks.append(self.stack)
            self.stack = []
        elif name == "GLOBAL":
            self.stack.append(self._named(argument.replace(" ", ".", 1)))
        elif name in _STEPS:
            _STEPS[name](self)
        elif name not in ("PROTO", "STOP"):
            raise UnknownOperation(name)

    def pop(self, count: int) -> list[Any]:
        """Take so many values off the stack, in the order in which they were put there."""
        if len(self.stack) < count:
            raise IndexError(count)
        items = self.stack[-count:]
        del self.stack[-count:]
        return items

    def since_mark(self) -> list[Any]:
        """Take off the stack what was put there since the last mark."""
        items, self.stack = self.stack, self._marks.pop()
        return items

    def _named(self, name: str) -> Named:
        module, _, own = name.rpartition(".")
        of_torch = module in _HARMLESS_MODULES and _HARMLESS_NAMES.fullmatch(own)
        if not of_torch and name not in _HARMLESS:
            self.found.foreign.add(name)
        return Named(name)


def _call(follower: _Follower) -> None:
    called, arguments = follower.pop(2)
    if called.name in _TENSORS:
        result: Any = Outline(tuple(arguments[2]))
    elif called.name in _PARAMETERS:
        result = arguments[0]
    elif called.name == "collections.OrderedDict":
        result = dict(*arguments)
    elif called.name == "torch.Size":
        result = tuple(*arguments)
    else:
        result = called
    follower.stack.append(result)


def _refer(follower: _Follower) -> None:
    (described,) = follower.pop(1)
    what, kind, key = described[:3]
    if what == "storage":
        width = _BYTES.get(kind.name.rpartition(".")[2].removesuffix("Storage"), 1)
        follower.found.storages[str(key)] = width * described[4]
    follower.stack.append(kind)


def _push(follower: _Follower, value: Any) -> None:
    follower.stack.append(value)


def _append(follower: _Follower, items: list[Any]) -> None:
    follower.stack[-1].extend(items)


def _set(follower: _Follower, items: list[Any]) -> None:
    follower.stack[-1].update(zip(items[::2], items[1::2], strict=True))


_VALUES = {
    *("BININT", "BININT1", "BININT2", "LONG1"),
    *("BINFLOAT", "BINUNICODE", "SHORT_BINSTRING"),
}
_NEW: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": set,
}
_STEPS: dict[str, Callable[[_Follower], object]] = {
    "REDUCE": _call,
    "NEWOBJ": _call,
    "BINPERSID": _refer,
    "BUILD": lambda follower: follower.pop(1),  # an object's attributes
    "APPEND": lambda follower: _append(follower, follower.pop(1)),
    "APPENDS": lambda follower: _append(follower, follower.since_mark()),
    "SETITEM": lambda follower: _set(follower, follower.pop(2)),
    "SETITEMS": lambda follower: _set(follower, follower.since_mark()),
    "TUPLE": lambda follower: _push(follower, tuple(follower.since_mark())),
    "TUPLE1": lambda follower: _push(follower, tuple(follower.pop(1))),
    "TUPLE2": lambda follower: _push(follower, tuple(follower.pop(2))),
    "TUPLE3": lambda follower: _push(follower, tuple(follower.pop(3))),
}
