"""Choose the type a network computes in: bfloat16 on a GPU made for it, else float32."""

from contextlib import AbstractContextManager, nullcontext

import torch

_BFLOAT16_SINCE = (8, 0)  # compute capability, as in torch.cuda.is_bf16_supported: Ampere


def compute_type(device: torch.device) -> torch.dtype:
    """Return torch.bfloat16 for a GPU with units for it, torch.float32 for older ones and CPUs.

    Older GPUs emulate bfloat16, slowly; float16 suits them, but only with scaled gradients.
    """
    # not is_bf16_supported: it asks the thread's current GPU, which need not be this one
    if device.type == "cuda" and torch.cuda.get_device_capability(device) >= _BFLOAT16_SINCE:
        return torch.bfloat16
    return torch.float32


def mixed_precision(device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which networks on `device` compute in `compute_type(device)`."""
    dtype = compute_type(device)
    return torch.autocast("cuda", dtype) if dtype == torch.bfloat16 else nullcontext()
