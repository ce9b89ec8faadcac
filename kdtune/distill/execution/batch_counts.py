"""Batch normalisation counts its batches on the device: one operation a layer and step, for a number nobody reads."""

import contextlib
from collections.abc import Iterator, Sequence

from torch import Tensor, nn

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class _Count:
    """Counts on the host, and answers the one call that torch's batch normalisation makes."""

    def __init__(self) -> None:
        self.batches = 0

    def add_(self, batches: int) -> None:
        self.batches += batches


class HostCounts:
    """Counts a model's batches on the host until `end`, which updates `num_batches_tracked`.

    Layers whose momentum is that number, or whose forward pass is not torch's own, count as always.
    """

    def __init__(self, model: nn.Module) -> None:
        self._found: list[tuple[nn.Module, Tensor, _Count]] = []
        for module in model.modules():
            if not isinstance(module, _NORMS) or type(module).forward is not nn.BatchNorm1d.forward:
                continue
            tracked = module._buffers.get("num_batches_tracked")
            if tracked is not None and module.momentum is not None:
                count = _Count()
                self._found.append((module, tracked, count))
                del module._buffers["num_batches_tracked"]
                module.__dict__["num_batches_tracked"] = count

    @property
    def batches(self) -> tuple[int, ...]:
        """What each layer has counted so far."""
        return tuple(count.batches for _, _, count in self._found)

    def set(self, batches: Sequence[int]) -> None:
        """Replace what each layer has counted: layers whose step was recorded do not count by themselves."""
        for (_, _, count), n in zip(self._found, batches, strict=True):
            count.batches = n

    def end(self) -> None:
        """Count on the device again."""
        for module, tracked, count in self._found:
            del module.__dict__["num_batches_tracked"]
            module._buffers["num_batches_tracked"] = tracked
            if count.batches:
                tracked.add_(count.batches)


@contextlib.contextmanager
def counted_on_host(model: nn.Module) -> Iterator[HostCounts]:
    """Count the batches of the block on the host, and update `num_batches_tracked` at its end."""
    counts = HostCounts(model)
    try:
        yield counts
    finally:
        counts.end()
