"""PyTorch as a runtime computes what the network does, and all processes share the cores."""

import importlib.util
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import runtimes
from artifact import (
    GRAPH_FILE,
    INT8_GRAPH_FILE,
    read_description,
)
from network import Classifier, Head, build_backbone, feature_dimension
from runtimes import (
    GRAPH,
    INT8,
    TORCH,
    best_runtime,
    chosen_environment,
    open_network,
    thread_count,
)
from torch_model import read_model, write_model

CROP = 64


@pytest.mark.parametrize("backbone", ["resnet18", "densenet121", "swin_t"])
def test_pytorch_computes_what_the_network_does(
    backbone: str, model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    torch.manual_seed(0)
    layers = build_backbone(backbone)
    for layer in layers.modules():  # as after a training: not the identity of a new one
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.running_mean is not None and layer.running_var is not None
            nn.init.uniform_(layer.running_mean, -0.2, 0.2)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.bias, -0.2, 0.2)
    head = Head(feature_dimension(backbone, layers, CROP), 3)
    nn.init.normal_(head.linear.weight)
    description = replace(read_description(model_dir), backbone=backbone)
    write_model(tmp_path, Classifier(layers, head), description)

    forward = open_network(tmp_path, TORCH, 1).run
    assert not torch.backends.cudnn.allow_tf32  # nor would a GPU round more
    network = read_model(tmp_path)[0]
    for pictures in (torch.randn(count, 3, CROP, CROP) for count in (3, 1)):
        with torch.inference_mode():
            expected = network(pictures).numpy()
        largest = np.abs(expected).max()
        np.testing.assert_allclose(forward(pictures.numpy()), expected, atol=1e-5 * largest)


@pytest.mark.parametrize(
    ("files", "machine", "runtime"),
    [
        ([GRAPH_FILE, INT8_GRAPH_FILE], {"onnxruntime"}, INT8),
        ([GRAPH_FILE], {"onnxruntime"}, GRAPH),
        ([], {"onnxruntime"}, TORCH),
        ([GRAPH_FILE, INT8_GRAPH_FILE], set(), TORCH),
        ([GRAPH_FILE, INT8_GRAPH_FILE], {"onnxruntime", "GPU"}, TORCH),
        ([GRAPH_FILE, INT8_GRAPH_FILE], {"onnxruntime", "GPU", "no torch"}, INT8),
    ],
)
def test_the_fastest_runtime_of_model_and_machine_serves(
    files: list[str],
    machine: set[str],
    runtime: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in files:
        (tmp_path / name).touch()
    monkeypatch.setattr(runtimes, "available", lambda: "onnxruntime" in machine)
    monkeypatch.setattr(runtimes, "gpus", lambda: int("GPU" in machine))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "GPU" in machine)
    if "no torch" in machine:
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert best_runtime(tmp_path) == runtime


@pytest.mark.parametrize(
    ("environ", "worker_per_core", "threads"),
    [
        ({}, False, 6),
        ({}, True, 1),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "2"}, True, 3),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "4"}, False, 1),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "40"}, False, 1),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "many"}, False, 6),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "2", "OMP_NUM_THREADS": "5"}, False, 5),
        ({"OMP_NUM_THREADS": "0"}, True, 1),
    ],
)
def test_threads_follow_cores_and_workers(
    environ: dict[str, str], worker_per_core: bool, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    assert thread_count(environ, worker_per_core) == threads


@pytest.mark.parametrize(
    ("started_with", "kept"),
    [
        (b"PATH=/bin\0OMP_NUM_THREADS=1\0", True),
        (b"PATH=/bin\0MY_OMP_NUM_THREADS=1\0", False),
        (b"", False),
    ],
)
def test_threads_that_a_server_chose_for_itself_do_not_count(
    started_with: bytes, kept: bool, tmp_path: Path
) -> None:
    (tmp_path / "environ").write_bytes(started_with)
    environ = {"OMP_NUM_THREADS": "1", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
    found = chosen_environment(environ, tmp_path / "environ")
    assert found.pop("OMP_NUM_THREADS", None) == ("1" if kept else None)
    assert found == {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}


def test_without_a_record_of_the_start_the_environment_stands(tmp_path: Path) -> None:
    environ = {"OMP_NUM_THREADS": "1"}
    assert chosen_environment(environ, tmp_path / "missing") == environ
