"""Weights files as they are found: what is taken of each, or why nothing is. A row is a file.

Every row is loaded as the job does it and checked as it is before a run: both say the same.
"""

import argparse
import gzip
import io
import json
import os
import pickle
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from backbones import todays_name
from network import build_backbone
from pretrained import check as check_module
from pretrained import pickle_outline
from pretrained.check import check
from pretrained.loading import load_backbone_weights
from pretrained.pickle_outline import outline
from pretrained.problems import UnusableWeights
from pretrained.valueless import valueless_backbone
from pretrained.weights_file import read_contents

NAME = "shufflenet_v2_x0_5"
FIRST, LAST = "conv1.0.weight", "conv5.0.weight"
State = dict[str, Tensor]


@dataclass(frozen=True)
class Maker:
    """Writes a file of two networks' state dicts: `one` and `two`."""

    folder: Path
    one: State
    two: State

    def save(self, value: Any, name: str = "w.pth", **how: Any) -> Path:
        torch.save(value, self.folder / name, **how)
        return self.folder / name

    def write(self, content: bytes, name: str = "w.pth") -> Path:
        (self.folder / name).write_bytes(content)
        return self.folder / name

    def bytes(self, value: Any, **how: Any) -> bytes:
        return self.save(value, "bytes.pth", **how).read_bytes()

    def safetensors(self, name: str = "w.safetensors") -> Path:
        save_file({key: value.clone() for key, value in self.one.items()}, self.folder / name)
        return self.folder / name


@pytest.fixture(scope="module")
def states() -> tuple[State, State]:
    networks = []
    for seed in (5, 6):
        torch.manual_seed(seed)
        networks.append(torchvision.models.get_model(NAME, num_classes=7))
    one, two = networks
    return one.state_dict(), two.state_dict()


@pytest.fixture
def make(tmp_path: Path, states: tuple[State, State]) -> Maker:
    return Maker(tmp_path, *states)


@pytest.fixture(scope="module")
def untouched() -> Iterator[nn.Module]:
    """A backbone that no refused file may change."""
    backbone = build_backbone(NAME, 1)
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    yield backbone
    for key, value in backbone.state_dict().items():
        assert torch.equal(value, before[key]), key


def prefixed(prefix: str, state: State) -> State:
    return {f"{prefix}{key}": value for key, value in state.items()}


def changed(state: State, **tensors: Any) -> State:
    """A copy with some tensors replaced, or left out where None is given; `__` is a dot."""
    given = {key.replace("__", "."): value for key, value in tensors.items()}
    return {k: v for k, v in (state | given).items() if v is not None}


def headless(state: State) -> State:
    return {key: value for key, value in state.items() if not key.startswith("fc.")}


def uncounted(state: State) -> State:
    return {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}


class Averaged(nn.Module):
    """What torch.optim.swa_utils.AveragedModel keeps."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self.register_buffer("n_averaged", torch.tensor(3))
        self.module = torchvision.models.get_model(NAME, num_classes=7)
        self.module.load_state_dict(state)


# (what it is, how it is made, what is said to be taken, whose tensors they are)
TAKEN: list[tuple[str, Callable[[Maker], Path], str, str]] = [
    ("a state dict", lambda m: m.save(m.one), "", "one"),
    ("without a head", lambda m: m.save(headless(m.one)), "", "one"),
    ("without counters", lambda m: m.save(uncounted(m.one)), "", "one"),
    (
        "a head of more layers",
        lambda m: m.save(headless(m.one) | {"fc.0.weight": torch.zeros(5, 3)}),
        "",
        "one",
    ),
    ("before torch 1.6", lambda m: m.save(m.one, _use_new_zipfile_serialization=False), "", "one"),
    ("safetensors", lambda m: m.safetensors(), "", "one"),
    ("safetensors, named .pth", lambda m: m.safetensors("w.pth"), "", "one"),
    ("torch.save, named .safetensors", lambda m: m.save(m.one, "w.safetensors"), "", "one"),
    ("a name that says nothing", lambda m: m.save(m.one, "checkpoint"), "", "one"),
    (
        "parameters",
        lambda m: m.save({k: nn.Parameter(v, False) for k, v in m.one.items()}),
        "",
        "one",
    ),
    ("numbers beside tensors", lambda m: m.save(m.one | {"epoch": 3, "best": 0.9}), "", "one"),
    *(
        (
            f"prefix {prefix}",
            lambda m, p=prefix: m.save(prefixed(p, m.one)),
            f"its {prefix}*",
            "one",
        )
        for prefix in (
            *("module.", "model.", "net.", "backbone.", "encoder.", "_orig_mod."),
            *("module.model.", "_orig_mod.module.", "0."),
        )
    ),
    *(
        (f"wrapper {key}", lambda m, k=key: m.save({k: m.one, "epoch": 3}), f"its {key}", "one")
        for key in (
            *("state_dict", "model_state_dict", "model", "net", "weights", "params"),
            *("ema", "teacher", "anything"),
        )
    ),
    (
        "wrapper and prefix",
        lambda m: m.save({"state_dict": prefixed("module.", m.one)}),
        "its state_dict module.*",
        "one",
    ),
    (
        "wrapper in a wrapper",
        lambda m: m.save({"checkpoint": {"model": m.one}}),
        "its checkpoint.model",
        "one",
    ),
    (
        "averaged weights beside",
        lambda m: m.save({"model": m.one, "model_ema": m.two, "optimizer": {"state": {}}}),
        "its model_ema, not its model, which fits as well",
        "two",
    ),
    (
        "teacher and student",
        lambda m: m.save({"student": prefixed("backbone.", m.one), "teacher": m.two}),
        "its teacher, not its student backbone.*, which fits as well",
        "two",
    ),
    (
        "torch's averaged model",
        lambda m: m.save(Averaged(m.two).state_dict()),
        "its module.*, without the 1 tensors beside (n_averaged)",
        "two",
    ),
    (
        "our own model",
        lambda m: m.save(prefixed("backbone.", headless(m.one)) | {"head.mean": torch.zeros(2)}),
        "its backbone.*, without the 1 tensors beside (head.mean)",
        "one",
    ),
    (
        "with its optimizer",
        lambda m: m.save(
            {"model": m.one, "optimizer": {"state": {0: {"exp_avg": m.one[FIRST]}}, "lr": 0.1}}
        ),
        "its model",
        "one",
    ),
    (
        "with its criterion",
        lambda m: m.save(
            {"state_dict": prefixed("model.", m.one) | {"criterion.weight": torch.ones(7)}}
        ),
        "its state_dict model.*, without the 1 tensors beside (criterion.weight)",
        "one",
    ),
]


class Custom:
    """A class of somebody's own; it would run code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, ("sprung",)


class Loading:
    """Would read another file when it is unpickled, by torch itself."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return torch.load, ("other.pth",)


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"anything")
    return file.getvalue()


def without_a_tensor(m: Maker) -> Path:
    """A torch zip that lacks one of the files in it."""
    kept = io.BytesIO(m.bytes(m.one))
    with zipfile.ZipFile(kept) as old, zipfile.ZipFile(m.folder / "w.pth", "w") as new:
        for name in old.namelist():
            if not name.endswith("/data/7"):
                new.writestr(name, old.read(name))
    return m.folder / "w.pth"


def with_a_wrong_byte(m: Maker) -> Path:
    """A torch zip one of whose values is another than was saved."""
    content = bytearray(m.bytes(m.one))
    values = m.one[LAST].numpy().tobytes()
    content[content.index(values) + 2] ^= 0x40
    return m.write(bytes(content))


def tarred(m: Maker) -> Path:
    with tarfile.open(m.folder / "w.pth", "w") as archive:
        archive.add(m.save(m.one, "inner.pth"), "inner.pth")
    return m.folder / "w.pth"


def scripted(m: Maker) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), m.folder / "w.pth")
    return m.folder / "w.pth"


def of_another(m: Maker) -> Path:
    return m.save(torchvision.models.get_model("squeezenet1_1", num_classes=3).state_dict())


ESCAPE = "\x1b[31mred\x07"
ANOTHERS = "those of squeezenet1_1. Did you mean backbone.name=squeezenet1_1?"
SAVE = 'torch.save(model.state_dict(), "weights.pth")'

# (what it is, how it is made, what is said)
REFUSED: list[tuple[str, Callable[[Maker], Path], str]] = [
    ("empty", lambda m: m.write(b""), "it is empty"),
    ("cut", lambda m: m.write(m.bytes(m.one)[:-1000]), "it is cut off: its end is missing"),
    ("cut at its start", lambda m: m.write(m.bytes(m.one)[:50]), "it is cut off"),
    ("lacks a tensor's values", without_a_tensor, "it is cut off or damaged"),
    ("has another value than was saved", with_a_wrong_byte, "it is cut off or damaged"),
    (
        "cut, before torch 1.6",
        lambda m: m.write(m.bytes(m.one, _use_new_zipfile_serialization=False)[:-1000]),
        "it is cut off or damaged",
    ),
    (
        "cut in its list, before torch 1.6",
        lambda m: m.write(m.bytes(m.one, _use_new_zipfile_serialization=False)[:900]),
        "it is cut off or damaged",
    ),
    (
        "cut safetensors",
        lambda m: m.write(m.safetensors().read_bytes()[:-1000]),
        "it is cut off or damaged",
    ),
    (
        "cut in its header, safetensors",
        lambda m: m.write(m.safetensors().read_bytes()[:300]),
        "it is cut off or damaged",
    ),
    (
        "a header of nothing but brackets",
        lambda m: m.write((100_000).to_bytes(8, "little") + b'{"a":' + b"[" * 99_995),
        "it is cut off or damaged",
    ),
    (
        "a pointer of Git LFS",
        lambda m: m.write(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9\n"),
        "it is a Git LFS pointer that stands for the file: run git lfs pull",
    ),
    (
        "a web page",
        lambda m: m.write(b"\n<!DOCTYPE html>\n<html><title>Sign in</title></html>"),
        "it is a web page",
    ),
    ("an S3 error", lambda m: m.write(b"<?xml version='1.0'?><Error/>"), "it is a web page"),
    ("JSON", lambda m: m.write(json.dumps({"error": "no"}).encode()), "it is text, which begins"),
    ("text with colours", lambda m: m.write(b"hi \x1b[31mred"), "neither a .safetensors file nor"),
    ("random bytes", lambda m: m.write(bytes(range(7, 256))), "neither a .safetensors file nor"),
    ("gzip", lambda m: m.write(gzip.compress(m.bytes(m.one))), "it is compressed by gzip: unpack"),
    ("a tar", tarred, "it is a tar archive: unpack it"),
    (
        "a zip of files",
        lambda m: m.write(zipped("a/w.pth", "b.txt")),
        "other files (a/w.pth, b.txt)",
    ),
    ("an empty zip", lambda m: m.write(zipped()), "a zip of other files (nothing)"),
    ("Keras", lambda m: m.write(b"\x89HDF\r\n\x1a\n" + bytes(99)), "it is an HDF5 file"),
    ("numpy", lambda m: m.write(b"\x93NUMPY\x01\x00" + bytes(99)), "it is an array of numpy"),
    ("TorchScript", scripted, "it is TorchScript, a program with its weights"),
    (
        "a whole model",
        lambda m: m.save(torchvision.models.squeezenet1_1()),
        "it holds more than weights: ",
    ),
    (
        "arguments",
        lambda m: m.save({"model": m.one, "args": argparse.Namespace(lr=0.1)}),
        "it holds more than weights: argparse.Namespace",
    ),
    (
        "numpy's numbers",
        lambda m: m.save({"model": m.one, "accuracy": np.float64(0.9)}),
        f"Where it was made, save the weights alone: {SAVE}",
    ),
    (
        "code",
        lambda m: m.save({"model": m.one, "x": Custom()}),
        "holds more than weights: posix.mkdir",
    ),
    (
        "another file to load",
        lambda m: m.save({"model": m.one, "x": Loading()}),
        "holds more than weights: torch.serialization.load",
    ),
    (
        "code, before torch 1.6",
        lambda m: m.save({"x": Custom()}, _use_new_zipfile_serialization=False),
        "holds more than weights: posix.mkdir",
    ),
    (
        "a newer pickle",
        lambda m: m.save(m.one, pickle_protocol=4),
        "it was saved with an unusual pickle_protocol: save it again with",
    ),
    (
        "pickle.dump",
        lambda m: m.write(pickle.dumps({"a": 1}, 2)),
        "a pickle that torch.save did not",
    ),
    ("a list", lambda m: m.save([m.one[FIRST]]), "it holds no tensors by name"),
    ("a tensor", lambda m: m.save(m.one[FIRST]), "it holds no tensors by name"),
    ("only numbers", lambda m: m.save({"epoch": 3, "lr": [0.1]}), "it holds no tensors by name"),
    (
        "two networks",
        lambda m: m.save({"a": m.one, "b": m.two}),
        "it holds several networks that fit (a and b)",
    ),
    (
        "two encoders",
        lambda m: m.save(prefixed("encoder_q.", m.one) | prefixed("encoder_k.", m.two)),
        "it holds several networks that fit (encoder_q.* and encoder_k.*)",
    ),
    ("another backbone's", of_another, ANOTHERS),
    (
        "another's, wrapped",
        lambda m: m.save({"ema": prefixed("m.", torch.load(of_another(m), weights_only=True))}),
        ANOTHERS,
    ),
    (
        "of grey pictures",
        lambda m: m.save(changed(m.one, conv1__0__weight=torch.zeros(24, 1, 3, 3))),
        f"tensors of another shape ({FIRST} (24, 1, 3, 3) instead of (24, 3, 3, 3))",
    ),
    (
        "one is missing",
        lambda m: m.save(changed(m.one, conv5__0__weight=None)),
        f"tensors missing ({LAST})",
    ),
    (
        "one too many",
        lambda m: m.save(m.one | {"gate.weight": torch.zeros(2)}),
        "1 tensors unknown (gate.weight)",
    ),
    (
        "of no torchvision model",
        lambda m: m.save({"stem.weight": torch.zeros(3), "stem.bias": torch.zeros(3)}),
        f"Give a file made for torchvision's {NAME}",
    ),
    (
        "names that colour a terminal",
        lambda m: m.save(m.one | {ESCAPE: torch.zeros(2)}),
        "1 tensors unknown (?[31mred?)",
    ),
    (
        "a class that colours a terminal",
        lambda m: m.write(b"\x80\x02c\x1b[31mred\nclass\n."),
        "pickle",
    ),
]


@pytest.mark.parametrize(("write", "words", "whose"), [pytest.param(*r, id=i) for i, *r in TAKEN])
def test_what_is_taken(make: Maker, write: Callable[[Maker], Path], words: str, whose: str) -> None:
    path, backbone = write(make), build_backbone(NAME, 1)
    assert check(NAME, path) == words
    assert load_backbone_weights(NAME, backbone, path) == words
    expected: State = getattr(make, whose)
    for key, value in backbone.state_dict().items():
        assert key.endswith("num_batches_tracked") or torch.equal(value, expected[key]), key


@pytest.mark.parametrize(("write", "words"), [pytest.param(*row, id=i) for i, *row in REFUSED])
def test_what_is_refused(
    make: Maker,
    write: Callable[[Maker], Path],
    words: str,
    untouched: nn.Module,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(make.folder)
    path = write(make)
    with pytest.raises(UnusableWeights) as in_job:
        load_backbone_weights(NAME, untouched, path)
    with pytest.raises(UnusableWeights) as checked:
        check(NAME, path)
    message = str(in_job.value)
    assert message == str(checked.value)
    assert message.startswith(f"weights file {path.name}: ")
    assert words in message
    assert message.isprintable()
    assert "weights_only" not in message
    assert not Path("sprung").exists()


@pytest.mark.parametrize(
    ("name", "old", "today"),
    [
        ("densenet121", "features.denseblock1.denselayer1.norm.1.bias", "norm1.bias"),
        ("densenet121", "features.denseblock1.denselayer1.conv.2.weight", "conv2.weight"),
        ("vit_b_32", "encoder.layers.encoder_layer_0.mlp.linear_1.weight", "mlp.0.weight"),
        ("vit_b_32", "encoder.layers.encoder_layer_0.mlp.linear_2.bias", "mlp.3.bias"),
    ],
)
def test_a_name_of_older_files_is_todays(name: str, old: str, today: str) -> None:
    state = valueless_backbone(name).state_dict()
    assert old not in state
    assert todays_name(old) in state
    assert todays_name(old).endswith(today)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mobilenet_v2", "mobilenet_v2-imagenet1k-features.pth"),
        ("squeezenet1_1", "squeezenet1_1-imagenet1k.pth"),
    ],
)
def test_real_weights_load(name: str, file: str) -> None:
    path = given_weights(file)
    backbone = build_backbone(name)
    assert load_backbone_weights(name, backbone, path) == check(name, path) == ""
    state = torch.load(path, weights_only=True)
    first = next(iter(state))
    assert torch.equal(backbone.state_dict()[first], state[first])


def test_without_torch_it_is_told_as_far_as_that_goes(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_module, "find_spec", lambda name: None)
    assert check(NAME, make.save(prefixed("module.", make.one))) == "its module.*"
    with pytest.raises(UnusableWeights, match=r"of squeezenet1_1\. Did you mean"):
        check(NAME, of_another(make))
    with pytest.raises(UnusableWeights, match=rf"has 2 tensors, the first is a; {NAME} has \d+"):
        check(NAME, make.save({"a": torch.zeros(1), "b": torch.zeros(2)}))


def test_what_torch_allows_in_a_state_dict_is_allowed_here() -> None:
    from torch._weights_only_unpickler import _get_allowed_globals

    for name in _get_allowed_globals():
        module, _, function = name.rpartition(".")
        code = b"\x80\x02" + f"c{module}\n{function}\n.".encode()
        assert not outline(io.BytesIO(code)).foreign, name


def test_a_pickle_without_end_is_given_up(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_outline, "_MOST_OPERATIONS", 1000)
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
    path = make.write(magic + b"\x80\x02" + b"}" * 2000)
    with pytest.raises(UnusableWeights, match="describes more than any network"):
        read_contents(path)


SMALL = {"conv.weight": torch.zeros(2, 3), "conv.bias": torch.zeros(2)}


@pytest.fixture(scope="module")
def small_files(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """One of each form."""
    path = tmp_path_factory.mktemp("small") / "w"
    torch.save(SMALL, path)
    files = [path.read_bytes()]
    torch.save({"a": argparse.Namespace(b=1)} | SMALL, path, _use_new_zipfile_serialization=False)
    files.append(path.read_bytes())
    save_file(SMALL, path)
    return [*files, path.read_bytes()]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    which=st.integers(0, 2),
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=8),
    kept=st.integers(1, 5000),
)
def test_whatever_is_damaged_is_read_or_named(
    small_files: list[bytes],
    make: Maker,
    which: int,
    changes: list[tuple[int, int]],
    kept: int,
) -> None:
    content = bytearray(small_files[which][:kept])
    for place, value in changes:
        content[place % len(content)] = value
    try:
        read_contents(make.write(bytes(content)))
    except UnusableWeights as error:
        assert str(error).isprintable()


def weights_folder() -> Path:
    beside = Path(__file__).resolve().parents[4] / "shared" / "weights"
    return Path(os.environ.get("PIPELINE_TEST_WEIGHTS", beside))


def given_weights(name: str) -> Path:
    path = weights_folder() / name
    if not path.is_file():
        pytest.skip("no ImageNet weights are in ../shared/weights or $PIPELINE_TEST_WEIGHTS")
    return path
