"""What the writer writes is what smdebug's own writer does, as smdebug reads it."""

import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

pytest.importorskip("smdebug")

from smdebug import modes
from smdebug.core.index_reader import LocalIndexReader
from smdebug.core.tfrecord.tensor_reader import TensorReader
from smdebug.core.writer import FileWriter

from debugger.tensor_writer import StepWriter, UnknownType

TYPES = st.sampled_from(["float32", "float64", "float16", "int32", "int64", "uint8", "bool"])
SHAPES = arrays.array_shapes(min_dims=0, max_dims=4, max_side=6)
VALUES = TYPES.flatmap(lambda name: arrays.arrays(name, SHAPES))
WORKER = "worker_0"


def written(folder: Path, step: int, tensors: dict[str, Any], writer: Any) -> list[Any]:
    for name, value in tensors.items():
        writer.write_tensor(tdata=value, tname=name, mode=modes.EVAL, mode_step=3, timestamp=1.5)
    writer.flush()
    writer.close()
    assert not list(folder.rglob("*.tmp"))
    (file,) = (folder / "events").rglob("*.tfevents")
    assert struct.pack("<d", 1.5) in file.read_bytes()  # the timestamp, which smdebug does not read
    return list(TensorReader(file.read_bytes()).read_tensors())


class _OlderArray(np.ndarray):
    """An array with the method that smdebug's own writer calls, and that NumPy 2.3 dropped."""

    tostring = np.ndarray.tobytes


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(st.text(min_size=1, max_size=200), VALUES, min_size=1, max_size=4),
    st.integers(0, 10**7),
)
@example({"a": np.zeros(1, np.float32)}, 128)
def test_smdebug_reads_the_same_as_from_its_own_writer(
    tmp_path_factory: pytest.TempPathFactory, tensors: dict[str, Any], step: int
) -> None:
    ours, theirs = tmp_path_factory.mktemp("ours"), tmp_path_factory.mktemp("theirs")
    got = written(ours, step, tensors, StepWriter(str(ours), step, WORKER))
    older = {name: value.view(_OlderArray) for name, value in tensors.items()}
    expected = written(theirs, step, older, FileWriter(str(theirs), WORKER, step))
    assert [each[:2] + each[3:] for each in got] == [each[:2] + each[3:] for each in expected]
    for (_, _, value, *_), (_, _, other, *_) in zip(got, expected, strict=True):
        assert (value.dtype, value.shape) == (other.dtype, other.shape)
        np.testing.assert_array_equal(value, other)
    places, expected_places = (
        LocalIndexReader(str(each)).load_tensor_data_from_index_files()[0]
        for each in (ours, theirs)
    )
    assert places.keys() == expected_places.keys()
    for name, value in tensors.items():
        where = places[name][step][WORKER]["tensor_location"]
        assert (where.mode, where.mode_step) == (modes.EVAL, 3)
        np.testing.assert_array_equal(LocalIndexReader(str(ours)).fetch_tensor_value(where), value)


def test_small_tensors_wait_for_a_large_one_and_all_are_there_before_the_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[str] = []
    replace = os.replace
    monkeypatch.setattr(
        os, "replace", lambda old, new: (named.append(Path(new).suffix), replace(old, new))
    )
    writer = StepWriter(str(tmp_path), 0, WORKER)
    values = [np.arange(count, dtype=np.float32) for count in (3, 20_000, 3)]
    for number, value in enumerate(values):
        writer.write_tensor(value, f"t{number}", mode=modes.TRAIN, mode_step=0)
        assert bool(list(tmp_path.rglob("*.tmp"))) == (number > 0)
    writer.close()
    assert named == [".tfevents", ".json"]
    (file,) = tmp_path.rglob("*.tfevents")
    read = [value for _, _, value, *_ in TensorReader(file.read_bytes()).read_tensors()]
    for value, other in zip(read, values, strict=True):
        np.testing.assert_array_equal(value, other)


def test_values_are_those_of_the_moment_of_writing(tmp_path: Path) -> None:
    value = np.arange(6, dtype=np.float32).reshape(2, 3)
    writer = StepWriter(str(tmp_path), 0, WORKER)
    writer.write_tensor(value.T, "a", mode=modes.TRAIN, mode_step=0)
    value += 1
    writer.close()
    (file,) = tmp_path.rglob("*.tfevents")
    ((_, _, read, *_),) = TensorReader(file.read_bytes()).read_tensors()
    np.testing.assert_array_equal(read, np.arange(6).reshape(2, 3).T)


def test_shapes_alone_make_an_index_and_nothing_makes_nothing(tmp_path: Path) -> None:
    StepWriter(str(tmp_path), 0, WORKER).close()
    assert not list(tmp_path.iterdir())
    writer = StepWriter(str(tmp_path), 1, WORKER)
    writer.write_shape("a", (2, 3), modes.TRAIN, 1)
    writer.close()
    found, _ = LocalIndexReader(str(tmp_path)).load_tensor_data_from_index_files()
    assert found["a"][1][WORKER]["tensor_shape"].shape == (2, 3)
    (index,) = tmp_path.rglob("*.json")
    index.unlink()
    writer.close()  # a second time
    assert not index.exists()


def test_a_type_that_the_format_lacks_is_named(tmp_path: Path) -> None:
    writer = StepWriter(str(tmp_path), 0, WORKER)
    with pytest.raises(UnknownType, match="a holds uint32"):
        writer.write_tensor(np.zeros(2, np.uint32), "a", mode=modes.TRAIN, mode_step=0)
