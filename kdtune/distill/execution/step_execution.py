"""How the steps of one model, or of several as one, are executed: eagerly, as a CUDA graph, or compiled."""

import contextlib

import torch
from torch import nn

from kdtune.distill.config import Execution
from kdtune.distill.execution.batch_counts import HostCounts, counted_on_host
from kdtune.distill.execution.compiled import Compiled
from kdtune.distill.execution.step_graph import Differentiate, StepGraph
from kdtune.distill.losses.registry import READY


class StepExecution:
    """What a model's steps call, as its job asks.

    Args:
        loss: name of the students' loss; None without a teacher.
        differentiate: the step's work, for a graph.

    Attributes:
        forward: the model, or its compiled form.
        graph: of the step; None unless the job asks for one.
    """

    def __init__(
        self,
        asked: Execution,
        model: nn.Module,
        loss: str | None,
        differentiate: Differentiate,
        device: torch.device,
    ) -> None:
        self._model = model
        self._compiled = Compiled(model) if asked == "compiled" else None
        self.forward = self._compiled or model
        self.graph = StepGraph(model, differentiate, device) if asked == "graphs" else None
        if self.graph is not None and loss is not None and loss not in READY:
            self.graph.why_not = "it is not known whether a loss of yours can be recorded"

    @property
    def why_eager(self) -> str:
        """Why a step is not executed as the job asks; empty if it is, or has not begun."""
        asked = self._compiled or self.graph
        return "" if asked is None else asked.why_not

    def begin_to_count(self) -> HostCounts | None:
        """Count the model's batches on the host from now on; None where they are counted on the device.

        The compiler would take a count on the host for a constant, and compile each step anew.
        """
        return HostCounts(self._model) if self._compiled is None else None

    def counted(self) -> contextlib.AbstractContextManager[HostCounts | None]:
        """Count the batches of a block likewise, and update `num_batches_tracked` at its end."""
        return counted_on_host(self._model) if self._compiled is None else contextlib.nullcontext()
