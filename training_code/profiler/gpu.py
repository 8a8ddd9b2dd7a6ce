"""Read a GPU's load and memory from NVIDIA's management library, which its driver brings."""

import ctypes
from typing import Any, NamedTuple

_LIBRARY = "libnvidia-ml.so.1"


class GpuLoad(NamedTuple):
    """A GPU's load: `percent` of the time a kernel ran; bytes in use and in all on the device."""

    percent: float
    memory_bytes: int
    memory_total: int


class _Utilization(ctypes.Structure):
    _fields_ = [("gpu", ctypes.c_uint), ("memory", ctypes.c_uint)]


class _Memory(ctypes.Structure):
    _fields_ = [
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    ]


class Gpu:
    """A GPU, read through NVML; raises OSError when the library or the device is missing.

    nvmlInit_v2, nvmlDeviceGetHandleByUUID, nvmlDeviceGetUtilizationRates and
    nvmlDeviceGetMemoryInfo are documented in NVIDIA's NVML API reference.
    """

    def __init__(self, uuid: str, library: Any | None = None) -> None:
        self._library = library or ctypes.CDLL(_LIBRARY)
        self._device = ctypes.c_void_p()
        self._call("nvmlInit_v2")
        self._call("nvmlDeviceGetHandleByUUID", uuid.encode(), ctypes.byref(self._device))

    def load(self) -> GpuLoad:
        """Return the load of the last moments and the memory in use; raise OSError on failure."""
        rates, memory = _Utilization(), _Memory()
        self._call("nvmlDeviceGetUtilizationRates", self._device, ctypes.byref(rates))
        self._call("nvmlDeviceGetMemoryInfo", self._device, ctypes.byref(memory))
        return GpuLoad(float(rates.gpu), int(memory.used), int(memory.total))

    def _call(self, name: str, *arguments: Any) -> None:
        code = getattr(self._library, name)(*arguments)
        if code != 0:
            raise OSError(f"{name} answers {code}")


def open_gpu() -> Gpu | None:
    """Open the GPU that this process computes on; return None without one that tells its load."""
    import torch  # noqa: PLC0415 - loaded already wherever there is something to measure

    if not torch.cuda.is_available():
        return None
    try:
        gpu = Gpu(f"GPU-{torch.cuda.get_device_properties(torch.cuda.current_device()).uuid}")
        gpu.load()  # a part of a GPU (MIG) and some virtual ones do not tell
    except (OSError, AttributeError):
        return None
    return gpu
