"""A step's work on the device as one CUDA graph: recorded at the first batch, and launched as one from then on.

A small network's step is some hundred operations that last microseconds each, and the host needs longer to launch them
than the device to run them. What is recorded are the forward pass, the loss and the gradients; the optimiser's few
operations follow as always, because the learning rate changes with each step. A graph runs the very operations that
were recorded, so it gives their numbers.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kdtune.distill.execution.batch_counts import HostCounts
from kdtune.distill.execution.device_errors import is_device_error

Differentiate = Callable[..., tuple[Tensor, Sequence[Tensor | None]]]
"""From the tensors of a batch to the loss and the gradients."""

Recorder = Callable[[Callable[[], Any]], tuple[Any, Callable[[], None]]]
"""Runs a function a few times, records it, and returns what it returned and how to run it again."""

_WARM_UPS = 3
"""Runs before the recording, as torch asks for: libraries choose their algorithms and allocate in the first ones."""


class StepGraph:
    """Gradients of a batch, by a graph where that is possible, and otherwise operation by operation.

    Batches of another shape than the first, such as an epoch's last one, are computed operation by operation.

    Args:
        model: whose buffers a step changes.
        differentiate: the step's work; nothing in it may depend on values that the host sees.

    Attributes:
        why_not: why there is no graph; empty as long as there may be one.
    """

    def __init__(self, model: nn.Module, differentiate: Differentiate, device: torch.device) -> None:
        self._model = model
        self._differentiate = differentiate
        self._device = device
        self._replay: Callable[[], None] | None = None
        self._found: tuple[Tensor, Sequence[Tensor | None]]
        self.why_not = ""

    def __call__(self, counts: HostCounts, *batch: Tensor | None) -> tuple[Tensor, Sequence[Tensor | None]]:
        """Return the loss and the gradients; they are overwritten at the next call.

        Args:
            counts: the model's batches, for which a graph does not count by itself.
            batch: of the same meaning at each call.
        """
        if self._replay is None and not self.why_not:
            self._record(counts, batch)
        if self._replay is None or self._form != _form(batch):
            return self._differentiate(*batch)
        for fixed, given in zip(self._batch, batch, strict=True):
            if fixed is not None and given is not None:
                fixed.copy_(given)
        self._replay()
        counts.set([n + more for n, more in zip(counts.batches, self._counted, strict=True)])
        return self._found

    def _record(self, counts: HostCounts, batch: Sequence[Tensor | None]) -> None:
        """Record the step on copies of a batch; what the model's buffers hold is as before."""
        recorder = recorder_of(self._device)
        if recorder is None:
            self.why_not = f"the device ({self._device.type}) has no CUDA graphs"
            return
        buffers = [(buffer, buffer.clone()) for buffer in self._model.buffers()]
        counted, drawn = counts.batches, _generators(self._device)
        self._batch = [None if given is None else given.clone() for given in batch]
        try:
            self._differentiate(*self._batch)
            self._counted = [n - before for n, before in zip(counts.batches, counted, strict=True)]
            if any(not torch.equal(a, b) for a, b in zip(drawn, _generators(self._device), strict=True)):
                self.why_not = "the network draws random numbers at each step"
                return
            self._found, self._replay = recorder(lambda: self._differentiate(*self._batch))
            self._form = _form(batch)
        except RuntimeError as error:
            said = str(error).strip().partition("\n")[0]
            if is_device_error(error) and "captur" not in said:
                raise
            self.why_not = f"its step can't be recorded: {said}"
        finally:
            with torch.no_grad():
                for buffer, value in buffers:
                    buffer.copy_(value)
            counts.set(counted)
            _set_generators(self._device, drawn)


def recorder_of(device: torch.device) -> Recorder | None:
    """Return what records on a device; None where nothing does."""
    return _record_on_cuda if device.type == "cuda" else None


def _record_on_cuda(function: Callable[[], Any]) -> tuple[Any, Callable[[], None]]:
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(_WARM_UPS):
            function()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = function()
    return found, graph.replay


def _form(batch: Sequence[Tensor | None]) -> list[Any]:
    return [None if given is None else (given.shape, given.dtype, given.stride()) for given in batch]


def _generators(device: torch.device) -> list[Tensor]:
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states


def _set_generators(device: torch.device, states: Sequence[Tensor]) -> None:
    torch.set_rng_state(states[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[1], device)
