"""What a sweep says at its end."""

from types import SimpleNamespace
from typing import Any

import pytest

from kdtune.errors import SweepError
from kdtune.runs.state import ModelState
from kdtune.space.schema import Budget
from kdtune.sweep.search import _check_any_succeeded, most_failed, out_of_time


def trial(number: int, state: str, message: str = "") -> ModelState:
    made = ModelState(id=f"t{number:04d}", kind="student", config={}, epochs=1)
    made.state, made.message = state, message
    made.ended = None if state == "running" else 1.0
    return made


GPU = "the GPU failed: CUDA error: unspecified launch failure"


@pytest.mark.parametrize(
    ("trials", "words"),
    [
        ([("done", "")] * 3, ""),
        ([("done", "")] * 3 + [("failed", GPU)] * 2, ""),
        (
            [("done", "")] * 2 + [("failed", GPU)] * 3 + [("running", "")],
            f"3 of 5 trials failed, all of them with: {GPU}",
        ),
        (
            [("done", ""), ("failed", f"{GPU} (2 times)"), ("failed", f"{GPU} (3 times)"), ("failed", "loss is nan")],
            f"3 of 4 trials failed, 2 of them with: {GPU}",
        ),
        (
            [("failed", GPU), ("failed", "loss is nan at rate 9.6e+08"), ("failed", "loss is nan at rate 20")],
            "3 of 3 trials failed, 2 of them as in: loss is nan at rate 9.6e+08",
        ),
    ],
)  # fmt: skip
def test_a_sweep_in_which_most_trials_failed_says_why(trials: list[tuple[str, str]], words: str) -> None:
    assert most_failed(trial(k, *of) for k, of in enumerate(trials)) == words


@pytest.mark.parametrize(
    ("n", "said"), [(1, "the only trial failed: loss is"), (2, "all 2 trials failed; the first: loss is")]
)
def test_a_sweep_without_a_student_says_how_many_failed(n: int, said: str) -> None:
    trials = {k: trial(k, "failed", "loss is nan") for k in range(n)}
    writer: Any = SimpleNamespace(state=SimpleNamespace(trials=trials))
    with pytest.raises(SweepError, match=said):
        _check_any_succeeded(SimpleNamespace(hopeless=""), writer)


@pytest.mark.parametrize(
    ("budget", "states", "words"),
    [
        (Budget(trials=3), ["done"], ""),
        (Budget(trials=3, minutes=5), ["done", "failed", "stopped"], ""),
        (Budget(trials=3, minutes=0.5), ["done", "running"], "budget.minutes (0.5) are spent, 1 of 3 trials"),
        (Budget(trials=None, minutes=5), ["done", "running"], ""),
        (Budget(trials=None, minutes=5), ["running"], "budget.minutes (5) are spent, 0 trials have ended"),
    ],
)
def test_a_sweep_whose_time_ended_before_its_trials_says_so(
    budget: Budget, states: list[str], words: str
) -> None:
    said = out_of_time(budget, (trial(k, state) for k, state in enumerate(states)))
    assert said.startswith(words)
    assert bool(said) == bool(words)
