"""How long a step takes: on clocks that count finely, and on others."""

import time
from collections.abc import Iterator

import pytest
import torch

from kdtune.sweep.calibration import timing
from kdtune.sweep.calibration.timing import seconds

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _clock_is_looked_at_anew() -> Iterator[None]:
    timing._tick_of_process_time.cache_clear()
    yield
    timing._tick_of_process_time.cache_clear()


def test_other_work_does_not_count() -> None:
    assert seconds(lambda: time.sleep(0.05), CPU) < 0.04


def test_process_time_that_is_counted_in_ticks_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a whole measurement takes less than a tick, steps would take no time at all."""
    exact = time.process_time
    monkeypatch.setattr(time, "process_time", lambda: exact() // 0.01 * 0.01)
    assert seconds(lambda: time.sleep(0.001), CPU) >= 0.001
