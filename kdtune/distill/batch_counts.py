"""Batch normalisation counts its batches on the device: one operation a layer and step, for a number nobody reads."""

import contextlib
from collections.abc import Callable, Iterator

from torch import Tensor, nn

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class _Count:
    """Counts on the host, and answers the one call that torch's batch normalisation makes."""

    def __init__(self) -> None:
        self.batches = 0

    def add_(self, batches: int) -> None:
        self.batches += batches


def count_on_host(model: nn.Module) -> Callable[[], None]:
    """Count a model's batches on the host from now on; return what ends that and updates `num_batches_tracked`.

    Layers whose momentum is that number, or whose forward pass is not torch's own, count as always.
    """
    found: list[tuple[nn.Module, Tensor, _Count]] = []
    for module in model.modules():
        if not isinstance(module, _NORMS) or type(module).forward is not nn.BatchNorm1d.forward:
            continue
        tracked = module._buffers.get("num_batches_tracked")
        if tracked is not None and module.momentum is not None:
            count = _Count()
            found.append((module, tracked, count))
            del module._buffers["num_batches_tracked"]
            module.__dict__["num_batches_tracked"] = count

    def end() -> None:
        for module, tracked, count in found:
            del module.__dict__["num_batches_tracked"]
            module._buffers["num_batches_tracked"] = tracked
            if count.batches:
                tracked.add_(count.batches)

    return end


@contextlib.contextmanager
def counted_on_host(model: nn.Module) -> Iterator[None]:
    """Count the batches of the block on the host, and update `num_batches_tracked` at its end."""
    end = count_on_host(model)
    try:
        yield
    finally:
        end()
