"""What the machine does: processors, memory, GPUs. Only a driver on this machine can be seen."""

from collections.abc import Sequence
from dataclasses import dataclass

from kdtune.gpus import Gpu


@dataclass(frozen=True)
class Machine:
    """One measurement.

    Attributes:
        processors: share of each one's time that is used; () in the first measurement, which has none before it.
        cores: number of processors.
        load: processes that want to run, mean of the last minute.
        memory_used, memory: bytes.
        gpus: those that NVIDIA's library shows; () without it.
        gpus_known: whether that library is installed.
    """

    processors: Sequence[float]
    cores: int
    load: float
    memory_used: int
    memory: int
    gpus: Sequence[Gpu]
    gpus_known: bool
