"""Ends a sweep between two epochs, when its driver says so."""

from collections.abc import Callable
from typing import Any

from ray.tune import Stopper


class StopWhen(Stopper):
    """Stops all trials as soon as `condition` holds."""

    def __init__(self, condition: Callable[[], bool]) -> None:
        self._condition = condition

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles its arguments for a restore that kdtune never does.
        return {}

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Stop no single trial."""
        return False

    def stop_all(self) -> bool:
        """Return whether the sweep is to end now."""
        return self._condition()
