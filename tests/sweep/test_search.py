"""What a sweep says at its end."""

from types import SimpleNamespace
from typing import Any

import pytest

from kdtune.errors import SweepError
from kdtune.runs.state import ModelState
from kdtune.sweep.search import _check_any_succeeded, most_failed


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
