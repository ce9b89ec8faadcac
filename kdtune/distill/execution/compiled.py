"""A model that `torch.compile` runs; where it can't, the model runs as it is."""

from typing import Any

import torch
from torch import Tensor, nn

from kdtune.distill.execution.device_errors import is_device_error


class Compiled:
    """Calls a model's compiled form.

    Args:
        model: it keeps its weights; its form is compiled at the first call, which takes up to a minute.

    Attributes:
        why_not: why it is not compiled; empty as long as it may be.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._compiled: Any = torch.compile(model)
        self.why_not = ""

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return what the model returns."""
        if not self.why_not:
            try:
                logits: Tensor = self._compiled(inputs)
            except Exception as error:
                # The compiler's errors, and those of the compilers that it calls, are many.
                if is_device_error(error):
                    raise
                said = str(error).strip().partition("\n")[0]
                self.why_not = f"torch.compile failed: {type(error).__name__}: {said}"
            else:
                return logits
        plain: Tensor = self._model(inputs)
        return plain
