"""What this machine's NVIDIA GPUs do, as nvidia-ml-py (the extra `gpu`) tells; nothing without it."""

import contextlib
from dataclasses import dataclass
from typing import Any

_GIB = 2**30


@dataclass(frozen=True)
class Gpu:
    """One GPU: the share of its time that is used, its memory in bytes, and how many processes compute on it."""

    name: str
    used: float
    memory_used: int
    memory: int
    processes: int = 0

    @property
    def words(self) -> str:
        """What a person reads of it: `75 % H100, 10.0 of 80.0 GiB, 4 processes`."""
        said = f"{self.used:.0%} {self.name}, {self.memory_used / _GIB:.1f} of {self.memory / _GIB:.1f} GiB"
        return f"{said}, {self.processes} process{'' if self.processes == 1 else 'es'}"


def nvml() -> Any:
    """Return NVIDIA's library, None where it or its driver is not installed."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml


def gpus_of(library: Any) -> list[Gpu]:
    """Return the GPUs that NVIDIA's library shows, in its order; none without it."""
    if library is None:
        return []
    found = []
    with contextlib.suppress(library.NVMLError):
        for k in range(library.nvmlDeviceGetCount()):
            device = library.nvmlDeviceGetHandleByIndex(k)
            name, memory = library.nvmlDeviceGetName(device), library.nvmlDeviceGetMemoryInfo(device)
            used, processes = 0.0, 0
            with contextlib.suppress(library.NVMLError):  # of a GPU in slices (MIG) there is no utilisation
                used = library.nvmlDeviceGetUtilizationRates(device).gpu / 100
            with contextlib.suppress(library.NVMLError):
                processes = len(library.nvmlDeviceGetComputeRunningProcesses(device))
            found.append(Gpu(str(name), used, int(memory.used), int(memory.total), processes))
    return found
