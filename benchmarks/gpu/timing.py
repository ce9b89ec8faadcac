"""How long a step takes, how many kernels it runs, and the least time that arithmetic and memory traffic allow."""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu.setups import synchronise

Step = Callable[[], object]


def milliseconds(step: Step, device: torch.device, seconds: float) -> float:
    """Return the median time of a step over runs of some steps, for about this long."""
    for _ in range(3):
        step()
    times: list[float] = []
    deadline = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < deadline:
        synchronise(device)
        started = time.perf_counter()
        for _ in range(5):
            step()
        synchronise(device)
        times.append((time.perf_counter() - started) / 5)
    return 1e3 * statistics.median(times)


def kernels(step: Step, device: torch.device) -> float | None:
    """Return how many kernels of the device a step runs; None on a processor."""
    if device.type != "cuda":
        return None
    from torch.profiler import ProfilerActivity, profile

    step()
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        step()
        torch.cuda.synchronize()
    on_device = [e for e in profiler.events() if e.device_type.name == "CUDA"]
    return float(len([e for e in on_device if not e.name.startswith(("Memcpy", "Memset"))]))


class Traffic(TorchDispatchMode):
    """Counts the bytes that operations read and write, each tensor once per operation; views move none."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            for value in torch.utils._pytree.tree_leaves((args, kwargs, out)):
                if isinstance(value, Tensor):
                    self.bytes += value.numel() * value.element_size()
        return out


def least_ms(step: Step, peak: dict[str, float], precision: str) -> float:
    """Return the milliseconds that a step takes at the machine's measured peaks."""
    with FlopCounterMode(display=False) as flops:
        step()
    with Traffic() as traffic:
        step()
    return 1e3 * max(flops.get_total_flops() / peak[precision], traffic.bytes / peak["bytes"])


def peaks(device: torch.device, n: int) -> dict[str, float]:
    """Return the operations per second of a matrix product, by precision, and the bytes per second of a copy."""
    found = {}
    for precision in ("float32", "bfloat16"):
        a = torch.randn(n, n, device=device, dtype=getattr(torch, precision))
        found[precision] = 2 * n**3 / (milliseconds(partial(torch.mm, a, a), device, 0.3) / 1e3)
    block = torch.empty(n * n * 4, device=device)
    other = torch.empty_like(block)
    found["bytes"] = 8 * block.numel() / (milliseconds(lambda: other.copy_(block), device, 0.3) / 1e3)
    return found
