"""Builds a module that given weights fit: it compares the shapes of both before it allocates memory."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from kdtune.torch_defaults import torch_defaults


def build_fitting(build: Callable[[], nn.Module], state: Mapping[str, Tensor]) -> nn.Module:
    """Build a module and load weights into it.

    A record from elsewhere may name an architecture of any size; only one whose shapes are those of the weights is
    built. A module of the user's own that can't be built without memory (on torch's `meta` device) is built at once.

    Raises:
        RuntimeError: the weights do not fit, as `load_state_dict` says it.
    """
    with torch_defaults(draws=True):
        try:
            with unfilled():
                sketch = build()
        except (NotImplementedError, RuntimeError, TypeError):  # without memory there are no values
            sketch = None
        if sketch is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that nothing is copied to `meta`
                sketch.load_state_dict(dict(state))
        module = build()
        module.load_state_dict(dict(state))
        return module


@contextmanager
def unfilled() -> Iterator[None]:
    """Make modules whose weights have a shape and no memory, on torch's `meta` device, while the block runs."""
    with torch.device("meta"), _Unfilled():
        yield


class _Unfilled(TorchFunctionMode):
    """Leaves out what fills tensors with random numbers: for the `meta` device torch imports its compiler for that."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if getattr(func, "__module__", "") == "torch.nn.init" or name in ("normal_", "uniform_"):
            return args[0] if args else dict(kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))
