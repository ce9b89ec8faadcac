"""Measures the machine, at most once in a second, and only while a screen shows it."""

import os
import time
from typing import Any

from kdtune.gpus import gpus_of, nvml

from ..state.machine import Machine

EVERY_SECONDS = 1.0


class Meters:
    """Processors and memory by psutil, GPUs by nvidia-ml-py if it is installed.

    Attributes:
        latest: the last measurement; None before the first.
        revision: grows with every measurement.
    """

    def __init__(self) -> None:
        self.latest: Machine | None = None
        self.revision = 0
        self._at = float("-inf")
        self._nvml: Any = None

    def measure(self) -> None:
        """Measure, if it is time."""
        now = time.monotonic()
        if now - self._at < EVERY_SECONDS:
            return
        first = self.latest is None
        if first:
            self._nvml = nvml()
        self._at = now
        import psutil  # only the screen that shows it waits for it

        shares = psutil.cpu_percent(percpu=True)  # since the call before; the first call answers 0
        memory = psutil.virtual_memory()
        self.latest = Machine(
            processors=[] if first else [share / 100 for share in shares],
            cores=len(shares),
            load=os.getloadavg()[0],
            memory_used=memory.total - memory.available,
            memory=memory.total,
            gpus=gpus_of(self._nvml),
            gpus_known=self._nvml is not None,
        )
        self.revision += 1
