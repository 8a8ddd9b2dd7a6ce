"""Guard the callbacks of smdebug's hook: an error in one ends debugging, not training.

It also saves less than smdebug does of what costs much and says little: nothing of frozen
parameters, and of large activations a sample. Layers and gradients are listened to only in steps
that save something of them; steps that save nothing are only counted. A step that saves the loss
alone is held back and written with others.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import torch
from smdebug.core.collection import CollectionKeys
from smdebug.core.utils import match_inc
from smdebug.pytorch import Hook, modes
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from debugger.network_calls import Batch, NetworkCalls
from debugger.save_schedule import next_saved
from debugger.tensor_writer import StepWriter
from job.log import log
from tensor_names import ASKED_BY_RULES

_LAYERS_OWN = re.compile(r"_(in|out)put_\d+$")  # how smdebug names a layer's inputs and outputs
HELD_S = 5.0  # the longest that a loss is held back while training goes on
LARGEST_ACTIVATION = 2**18  # values: 1 MiB as float32
# Rules find activations by name; torchvision calls many of them "3".
_ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.ReLU6: "relu",
    nn.Tanh: "tanh",
    nn.Sigmoid: "sigmoid",
}


@dataclass(frozen=True)
class _Watched:
    """A network's layers, its parameters by their tensors' names, and callbacks for gradients."""

    layers: list[nn.Module]
    parameters: list[tuple[str, nn.Parameter]]
    gradients: list[tuple[Any, Callable[[Any], None]]]


class GuardedHook(Hook):  # type: ignore[misc]
    """A Hook that, at its first error, says that debugging was lost and does nothing any more.

    `seconds` is the time that its callbacks have taken so far.
    """

    exported_collections: bool  # smdebug's own, as the next eight
    forward_modules_profile_stats: list[Any]
    writer: Any
    tensor_to_collections: dict[str, Any]
    _collections_to_save: set[Any]
    _collections_to_save_for_step: Any
    mode: Any
    mode_steps: dict[Any, int]
    collection_manager: Any
    lost_because: Exception | None = None
    seconds = 0.0

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._watched: dict[nn.Module, _Watched] = {}
        self._losses: list[nn.Module] = []
        self._calls = NetworkCalls(partial(self._guarded, self._begin_step))
        self._listening: list[RemovableHandle] = []
        self._held: list[Any] = []  # writers of steps that are complete
        self._held_since = 0.0
        self._overwriting: list[Any] = []  # activations that work in place
        # Collections that a layer's inputs and outputs belong to in a mode, once it was seen.
        self._belonging: dict[tuple[nn.Module, Any], set[Any]] = {}
        self._now_belonging: set[Any] = set()

    @property
    def lost(self) -> bool:
        """Whether an error has ended debugging."""
        return self.lost_because is not None

    def give_up(self, error: Exception) -> None:
        """Log the error, once, and stop saving."""
        self.lost_because = error
        log(
            f"warning: debugging was lost ({type(error).__name__}: {error}); training goes on",
        )

    def use_mode(self, name: str) -> None:
        """Mark the steps that follow as of the mode TRAIN or EVAL."""
        self._catch_up()
        self._end_step()
        self._calls.listen()
        self.set_mode(modes[name])
        if self.prepared_collections:
            self._sleep()

    def steps(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield batches, each for one call of the network: watching costs less then."""
        return self._calls.steps(batches)

    def write_held(self) -> None:
        """Write the losses that are held back, for rules to judge."""
        self._guarded(self._write_held)

    def unmatched(self) -> dict[str, str]:
        """Return the collections, with their patterns, that no tensor of the training belongs to.

        Those that rules ask for are left to the rules.
        """
        empty = [each for each in self._collections_to_save if not each.tensor_names]
        return {
            each.name: ",".join(each.include_regex)
            for each in sorted(empty, key=lambda each: str(each.name))
            if each.name not in ASKED_BY_RULES
        }

    def seen(self) -> list[str]:
        """Return the names of the tensors that were there in the steps that saved something."""
        return list(self.tensor_to_collections)

    def state(self) -> dict[str, Any]:
        """Return the counts of steps and the names seen so far, as plain values for `go_on`."""
        self._catch_up()
        collections = self.collection_manager.get_collections()
        return {
            "step": self.step,
            "mode_steps": {mode.name: count for mode, count in self.mode_steps.items()},
            "names": {name: sorted(one.tensor_names) for name, one in collections.items()},
            "exported": self.exported_collections,
        }

    def go_on(self, state: Mapping[str, Any]) -> None:
        """Count and name on from a `state`."""
        self.step = state["step"]
        self.mode_steps = {modes[name]: count for name, count in state["mode_steps"].items()}
        self.exported_collections = state["exported"]
        for name, names in state["names"].items():
            self.collection_manager.get(name).tensor_names |= set(names)

    def has_default_configuration(self) -> bool:
        """Return False: otherwise smdebug would swallow errors, and silently save nothing."""
        return False

    def register_module(self, module: nn.Module) -> None:
        """Save this network's tensors from now on; name activations by what they are."""
        for name, part in module.named_modules():
            if part in self.module_set:
                raise ValueError(f"{name or type(part).__name__} is watched already, not twice")
            part._module_name = name or type(part).__name__
            self.module_set.add(part)
        kind = type(module).__name__
        parameters = [(f"{kind}_{name}", value) for name, value in module.named_parameters()]
        self._watched[module] = _Watched(
            list(module.modules()),
            parameters,
            [
                (value, partial(self._guarded, self.backward_hook(name)))
                for name, value in parameters
                if value.requires_grad
            ],
        )
        self._calls.add(module)
        self.has_registered_module = True
        for part in module.modules():
            if activation := _ACTIVATIONS.get(type(part)):
                self._name_activation(part, activation)

    def register_loss(self, loss_module: nn.Module) -> None:
        """Save this loss from now on, whichever network runs."""
        loss_module._module_name = type(loss_module).__name__  # type: ignore[assignment]
        self.module_set.add(loss_module)
        self._losses.append(loss_module)
        self.has_registered_loss_module = True

    def forward_hook(self, module: Any, inputs: Any, outputs: Any) -> None:
        """Save what was computed by a layer or the loss."""
        self._guarded(self._see, module, inputs, outputs)

    def _catch_up(self) -> None:
        """Add the steps that went by to smdebug's own counts."""
        passed = self._calls.take_passed()
        self.step += passed
        self.mode_steps[self.mode] += passed
        self.mode_steps[modes.GLOBAL] = self.step

    def _begin_step(self, module: nn.Module) -> None:
        """Do what smdebug's forward_pre_hook does, but for its profiler, which is off."""
        self._catch_up()
        self._end_step()
        if not self.prepared_collections:
            self._prepare_collections()
        self._increment_step()
        if self._get_collections_to_save_for_step():
            self._initialize_writers()
            self._log_params(module)
            self._listen(self._watched[module])
        if self.writer is None:
            self._sleep()

    def _end_step(self) -> None:
        """Complete the step before, whose gradients have come since."""
        if self.writer is not None:
            self._close_writers()
        if self.last_saved_step is not None and not self.exported_collections:
            self.export_collections()
            self.exported_collections = True

    def _see(self, module: Any, inputs: Any, outputs: Any) -> None:
        self._now_belonging = self._belonging.setdefault((module, self.mode), set())
        super().forward_hook(module, inputs, outputs)
        self.forward_modules_profile_stats.clear()  # smdebug's profiler would do it, but is off
        if module in self._losses and not self._awaits_gradients():
            self._hold()
            self._sleep()

    def _hold(self) -> None:
        self._stop_listening()
        if self.writer is None:  # another process writes
            return
        now = perf_counter()
        self._held_since = self._held_since if self._held else now
        self._held.append(self.writer)
        self.writer = None
        if now - self._held_since > HELD_S:
            self._write_held()

    def _write_held(self) -> None:
        for writer in self._held:
            writer.close()
        self._held = []

    def _awaits_gradients(self) -> bool:
        names = {each.name for each in self._get_collections_to_save_for_step()}
        return torch.is_grad_enabled() and names != {CollectionKeys.LOSSES}

    def _sleep(self) -> None:
        """Only count steps until the next that saves something."""
        configurations = [each.save_config for each in self._collections_to_save]
        now = self.mode_steps[self.mode]
        self._calls.silent = next_saved(configurations, self.mode, now) - now - 1

    def _listen(self, watched: "_Watched") -> None:
        for part in self._overwriting:
            part.inplace = False  # in place, the input to save would be overwritten
        layers = [*filter(self._may_save, watched.layers), *self._losses]  # a loss ends the step
        self._listening = [layer.register_forward_hook(self.forward_hook) for layer in layers]
        if self._awaits_gradients():
            self._listening += [value.register_hook(seen) for value, seen in watched.gradients]

    def _may_save(self, layer: nn.Module) -> bool:
        """Check whether this step saves an input or output of a layer, as far as it was seen."""
        known = self._belonging.get((layer, self.mode))
        return known is None or not known.isdisjoint(self._get_collections_to_save_for_step())

    def _close_writers(self) -> None:
        self._stop_listening()
        self._write_held()  # in the order of steps: readers go on after the last that they saw
        super()._close_writers()

    def _stop_listening(self) -> None:
        for handle in self._listening:
            handle.remove()
        self._listening = []
        for part in self._overwriting:
            part.inplace = True

    def _initialize_writers(self, only_initialize_if_missing: bool = False) -> None:
        if only_initialize_if_missing and self.writer is not None:
            return
        if self.first_process is not True:  # smdebug decides which process may write
            super()._initialize_writers(only_initialize_if_missing)
            if self.writer is None:
                return
        self.writer = StepWriter(self.out_dir, self.step, self.worker)

    def _initialize_to_last_saved_state(self) -> None:
        """Leave that to `go_on`: smdebug's own counts may be of the middle of an epoch."""

    def _write_state(self) -> None:
        """Write nothing: smdebug would look through all checkpoints at every step."""

    def _name_activation(self, part: Any, kind: str) -> None:
        if kind not in part._module_name.lower():
            part._module_name = f"{part._module_name}_{kind}"
        if getattr(part, "inplace", False) and self._saves(f"{part._module_name}_input_0"):
            self._overwriting.append(part)

    def _log_params(self, module: nn.Module) -> None:
        """Save the parameters that training changes, at the start of a step."""
        saved = self._get_collections_to_save_for_step()
        for name, parameter in self._watched[module].parameters:
            known = self.tensor_to_collections.get(name)
            if parameter.requires_grad and (known is None or not known.isdisjoint(saved)):
                self._save_for_tensor(name, parameter.data)

    def _save_for_tensor(
        self, tensor_name: str, tensor_value: Any, check_before_write: bool = True
    ) -> None:
        if isinstance(tensor_value, Tensor) and _LAYERS_OWN.search(tensor_name):
            self._now_belonging |= self._get_collections_with_tensor(tensor_name)
            tensor_value = sampled(tensor_value, LARGEST_ACTIVATION)
        super()._save_for_tensor(tensor_name, tensor_value, check_before_write)

    @staticmethod
    def _make_numpy_array(tensor_value: Any) -> Any:
        if isinstance(tensor_value, Tensor) and tensor_value.dtype == torch.bfloat16:
            tensor_value = tensor_value.float()  # numpy has no bfloat16
        return Hook._make_numpy_array(tensor_value)

    def _saves(self, name: str) -> bool:
        """Check whether a collection's pattern matches this tensor."""
        found = self.collection_manager.get_collections().values()
        return any(match_inc(name, collection.include_regex) for collection in found)

    def _cleanup(self) -> None:
        """Clean up; called by close(), and once more when the process ends."""
        self._catch_up()
        try:
            super()._cleanup()
        except Exception as error:
            if not self.lost:
                self.give_up(error)

    def _guarded(self, callback: Callable[..., Any], *arguments: Any) -> None:
        if self.lost:
            return
        start = perf_counter()
        try:
            callback(*arguments)
        except Exception as error:  # full disk, unusual tensors, ...: not training's business
            self.give_up(error)
        self.seconds += perf_counter() - start


def sampled(tensor: Tensor, limit: int) -> Tensor:
    """Return a view of (N, units, ...) with about `limit` values at most, always of every unit.

    Every second place of each picture is left out, repeatedly, then pictures from the end.
    """
    while tensor.numel() > limit and any(size > 1 for size in tensor.shape[2:]):
        tensor = tensor[(slice(None), slice(None), *[slice(None, None, 2)] * (tensor.ndim - 2))]
    if tensor.numel() <= limit:
        return tensor
    return tensor[: max(1, limit // tensor[0].numel())]
