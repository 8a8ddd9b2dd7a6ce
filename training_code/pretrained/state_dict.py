"""Find in a weights file the tensors that are the backbone's, whatever is wrapped around them.

Checkpoints keep a network's tensors in a dictionary of theirs ("state_dict", "model_ema", ...), and
under names with a prefix ("module.", "backbone.", ...). Tensors belong to a backbone when all its
names and shapes are there: nothing is taken for one that only resembles it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from backbones import BACKBONES, Backbone, Shaped, digest_of, own_tensors
from pretrained.problems import SAVE, UnusableWeights, shown

_DEEPEST = 4  # dictionaries around the tensors
_MOST_TENSORS = 20_000  # the largest of torchvision's models have 2,000
_MOST_PREFIXES = 50
_FEW = 3
# Of several that fit, the first of these: averaged weights before those that they are averages of.
_PREFERRED = (
    *("model_ema", "state_dict_ema", "ema_state_dict", "ema_model", "module_ema", "params_ema"),
    *("ema", "teacher"),
    *("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights"),
    *("params", "backbone", "encoder", "module", "student"),
)


@dataclass(frozen=True)
class Found:
    """Where a backbone's tensors are: keys of dictionaries, then a prefix of names.

    `others` also hold weights for it, `beside` are names that are not below the prefix.
    """

    keys: tuple[str, ...]
    prefix: str
    others: tuple["Found", ...] = ()
    beside: tuple[str, ...] = ()

    def words(self) -> str:
        """Return what was taken and what was left, for the log; empty for a plain state dict."""
        told = [f"its {self.place()}"] if self.keys or self.prefix else []
        told += [f"not its {other.place()}, which fits as well" for other in self.others]
        if self.beside:
            more = ", ..." if len(self.beside) > _FEW else ""
            names = ", ".join(map(shown, self.beside[:_FEW])) + more
            told.append(f"without the {len(self.beside)} tensors beside ({names})")
        return ", ".join(told)

    def place(self) -> str:
        """Name the dictionary and the prefix."""
        inside = ".".join(map(shown, self.keys))
        return " ".join(filter(None, (inside, f"{shown(self.prefix)}*" if self.prefix else "")))

    def tensors(self, tree: Any) -> dict[str, Any]:
        """Return the tensors there, under their names without the prefix."""
        state = tree
        for key in self.keys:
            state = state[key]
        return _below(state, self.prefix)


def find(tree: Any, backbone: Backbone) -> Found | None:
    """Return where a file's `tree` has the backbone's tensors; None when nowhere.

    Of several places a known one is preferred. Raises UnusableWeights when that decides nothing.
    """
    fitting = list(_fitting(tree, backbone))
    if not fitting:
        return None
    ranked = sorted(fitting, key=_rank)
    best, others = ranked[0], ranked[1:]
    if others and _rank(others[0]) == _rank(best):
        places = " and ".join(one.place() or "the file itself" for one in ranked)
        raise UnusableWeights(
            f"it holds several networks that fit ({places}): where it was made, save the one"
            f" that is meant alone: {SAVE}"
        )
    return replace(best, others=tuple(others))


def nearest(tree: Any, own: Mapping[str, Shaped], first: str) -> dict[str, Any]:
    """Return the tensors that have most names of `own`, to tell what differs."""
    parts = (found.tensors(tree) for found in (*_places(tree, first), *_wholes(tree)))
    return max(parts, key=lambda part: len(part.keys() & own.keys()), default={})


def misfit(tree: Any, name: str, backbone: Backbone, detail: Callable[[], str]) -> UnusableWeights:
    """Return the error for a file without the backbone's tensors: whose they are, or what differs.

    `detail` names those that differ, as far as they are known.
    """
    wholes = [found.tensors(tree) for found in _wholes(tree)]
    if not wholes:
        return UnusableWeights(f"it holds no tensors by name; save it with {SAVE}")
    for other, its in BACKBONES.items():
        if any(_fitting(tree, its)):
            return UnusableWeights(
                f"it does not fit backbone {name}: its tensors are those of {other}. Did you mean"
                f" backbone.name={other}?"
            )
    differing = detail() or _beginnings(wholes, name, backbone)
    return UnusableWeights(
        f"it does not fit backbone {name}: {differing}. Give a file made for torchvision's {name},"
        " or set backbone.name to the model that it belongs to"
    )


def _beginnings(wholes: list[dict[str, Any]], name: str, backbone: Backbone) -> str:
    most = max(wholes, key=len)
    return (
        f"it has {len(most)} tensors, the first is {shown(next(iter(most)))}; {name} has"
        f" {backbone.tensors}, the first is {backbone.first} (torch is not here to name the others)"
    )


def _fitting(tree: Any, backbone: Backbone) -> Iterator[Found]:
    for found in _places(tree, backbone.first):
        own = own_tensors(found.tensors(tree), backbone.heads)
        if len(own) == backbone.tensors and digest_of(own) == backbone.digest:
            yield found


def _places(tree: Any, first: str) -> Iterator[Found]:
    """Yield every dictionary and prefix under which a tensor has the name `first`."""
    for keys, state in _states(tree, (), set()):
        named = (name for name in state if name == first or name.endswith(f".{first}"))
        for name in islice(named, _MOST_PREFIXES):
            prefix = name.removesuffix(first)
            beside = tuple(other for other in state if not other.startswith(prefix))
            yield Found(keys, prefix, beside=beside)


def _wholes(tree: Any) -> Iterator[Found]:
    for keys, _ in _states(tree, (), set()):
        yield Found(keys, "")


def _states(
    tree: Any, keys: tuple[str, ...], seen: set[int]
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield each dictionary that has tensors by name, once, with the keys that lead to it."""
    if not isinstance(tree, Mapping) or len(keys) > _DEEPEST or id(tree) in seen:
        return
    seen.add(id(tree))
    state = _below(tree, "")
    if len(state) > _MOST_TENSORS:
        raise UnusableWeights(
            f"it has {len(state):,} tensors, more than any of torchvision's models"
        )
    if state:
        yield keys, state
    for key, inner in tree.items():
        if isinstance(key, str):
            yield from _states(inner, (*keys, key), seen)


def _below(state: Mapping[Any, Any], prefix: str) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): value
        for name, value in state.items()
        if isinstance(name, str) and name.startswith(prefix) and hasattr(value, "shape")
    }


def _rank(found: Found) -> int:
    parts = (*found.keys, *found.prefix.split("."))
    known = [_PREFERRED.index(part) for part in parts if part in _PREFERRED]
    return min(known, default=len(_PREFERRED))
