"""The first measurement of the processors is none, and is not shown as one."""

import pytest

from tui.background import machine
from tui.background.machine import Meters


def test_processors_are_measured_from_the_second_time_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "EVERY_SECONDS", 0.0)
    meters = Meters()
    meters.measure()
    assert meters.latest is not None
    assert not meters.latest.processors
    meters.measure()
    assert len(meters.latest.processors) == meters.latest.cores > 0
