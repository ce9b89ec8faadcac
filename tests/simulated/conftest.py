"""The simulated device, and what must be equal on it and on the processor."""

from collections.abc import Iterator

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from tests.simulated.device import register

DEVICE = register()
"""Made known before any test runs: torch gives no gradients on a device that it learns of after the first gradient."""


@pytest.fixture(autouse=True)
def always_one_thread(one_thread: None) -> None:
    pass


@pytest.fixture(autouse=True)
def one_attention() -> Iterator[None]:
    """Compute attention on both by the same formula: the processor has one of its own that rounds differently."""
    with sdpa_kernel(SDPBackend.MATH):
        yield


@pytest.fixture(scope="session")
def device() -> torch.device:
    return DEVICE
