"""In what a network computes: bfloat16 where the GPU has units for it, else float32."""

import pytest
import torch

from job.mixed_precision import compute_type, mixed_precision


@pytest.mark.parametrize(
    ("device", "capability", "expected"),
    [
        ("cuda", (8, 0), torch.bfloat16),  # A100
        ("cuda:1", (9, 0), torch.bfloat16),  # H100
        ("cuda", (7, 5), torch.float32),  # T4, in g4dn: emulates bfloat16, slowly
        ("cuda", (7, 0), torch.float32),  # V100, in p3
        ("cpu", (9, 0), torch.float32),
    ],
)
def test_bfloat16_is_only_for_gpus_that_are_made_for_it(
    device: str,
    capability: tuple[int, int],
    expected: torch.dtype,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert compute_type(torch.device(device)) == expected


@pytest.mark.parametrize(("capability", "on"), [((8, 6), True), ((7, 5), False)])
def test_inside_a_gpu_computes_in_that_type(
    capability: tuple[int, int], on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)  # emulated ones too
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    with mixed_precision(torch.device("cuda")):
        assert torch.is_autocast_enabled("cuda") == on
        assert not on or torch.get_autocast_dtype("cuda") == torch.bfloat16
    assert not torch.is_autocast_enabled("cuda")
