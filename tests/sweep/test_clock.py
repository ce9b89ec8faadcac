"""The clock of the time at work, driven by hand: sleeps, stops and steps of the wall clock."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdtune.sweep.clock import LONGEST_TICK, WorkClock


@dataclass
class Hands:
    """The two clocks of a machine."""

    steady: float = 50.0
    wall: float = 1e9

    def clock(self) -> WorkClock:
        return WorkClock(lambda: self.steady, lambda: self.wall)

    def work(self, seconds: float, clock: WorkClock) -> None:
        """Let time pass while the clock's thread ticks each second."""
        whole = int(seconds)
        for step in [1.0] * whole + [seconds - whole]:
            self.steady += step
            self.wall += step
            clock.now()

    def stop(self, seconds: float) -> None:
        """Let a stopped process miss the time: both clocks go on."""
        self.steady += seconds
        self.wall += seconds

    def sleep(self, seconds: float) -> None:
        """Let the machine sleep: a monotonic clock stands still."""
        self.wall += seconds


def test_work_is_counted() -> None:
    hands = Hands()
    clock = hands.clock()
    hands.work(100, clock)
    assert clock.now() == pytest.approx(100)
    assert clock.away() == pytest.approx(0)


@pytest.mark.parametrize(
    ("event", "most", "away"),
    [
        (lambda hands: hands.stop(3600), LONGEST_TICK, 3600),
        (lambda hands: hands.sleep(3600), 0, 3600),
        (lambda hands: hands.sleep(-3600), 0, -3600),
    ],
    ids=["stopped", "slept or set ahead", "set back"],
)
def test_what_is_not_work_is_not_counted(event: Any, most: float, away: float) -> None:
    hands = Hands()
    clock = hands.clock()
    hands.work(10, clock)
    event(hands)
    hands.work(10, clock)
    assert 20 - 1e-6 <= clock.now() <= 20 + most + 1e-6
    assert abs(clock.away() - away) <= most + 1e-6


@given(st.lists(st.tuples(st.sampled_from(["work", "stop", "sleep"]), st.floats(0, 500)), max_size=20))
def test_it_never_goes_back_and_never_beyond_the_work(events: list[tuple[str, float]]) -> None:
    hands = Hands()
    clock = hands.clock()
    worked = before = 0.0
    for kind, seconds in events:
        if kind == "work":
            hands.work(seconds, clock)
            worked += seconds
        elif kind == "stop":
            hands.stop(seconds)
        else:
            hands.sleep(-seconds)
        now = clock.now()
        assert now >= before
        before = now
    stops = sum(kind == "stop" for kind, _ in events)
    assert worked - 1e-6 <= before <= worked + LONGEST_TICK * stops + 1e-6


def test_a_thread_ticks_while_the_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that takes longer than a tick is work."""
    monkeypatch.setattr("kdtune.sweep.clock._TICK_SECONDS", 0.001)
    hands = Hands()
    ticks: list[float] = []

    def steady() -> float:
        hands.steady += 4.0
        ticks.append(hands.steady)
        return hands.steady

    clock = WorkClock(steady, lambda: hands.wall)
    with clock.ticking():
        while len(ticks) < 20:
            pass
    assert clock.now() == 4.0 * (len(ticks) - 1)
