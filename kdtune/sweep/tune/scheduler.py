"""Ray Tune's side of early stopping: it asks, the manager decides."""

from collections.abc import Callable
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler


class AskingScheduler(FIFOScheduler):
    """Runs trials in the order in which they come, and ends those for which `goes_on` returns False.

    It also makes Tune forget what it keeps of trials that have ended for its own tables and files: their results, and
    themselves as JSON, some twenty kilobytes for each trial; the run holds everything.

    Ray's `ASHAScheduler` would not do: it knows only one metric, keeps its rungs only in memory, and judges what Ray
    calls a trial, which may be the carrier of several students.

    Args:
        goes_on: called with the id of Tune's trial and its result.
    """

    def __init__(self, goes_on: Callable[[str, dict[str, Any]], bool]) -> None:
        super().__init__()
        self._goes_on = goes_on
        self._controller: Any = None
        self._ended: list[Any] = []

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles its arguments for a restore that kdtune never does: the run's events hold everything.
        return {}

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """Accept whatever Tune knows: a metric given to Tune would make the search a single-objective one."""
        return True

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Remember who holds the workers."""
        self._controller = tune_controller

    def end_workers(self) -> None:
        """End the workers of a search that a `KeyboardInterrupt` has left: Tune does so only after an `Exception`.

        Otherwise each keeps its processors for as long as the user's process is connected to Ray.
        """
        if self._controller is not None:
            self._controller.cleanup()

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Return whether the trial continues."""
        return TrialScheduler.CONTINUE if self._goes_on(trial.trial_id, result) else TrialScheduler.STOP

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Note that a trial has ended."""
        self._forget(trial)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Note that a trial has ended, because its worker died."""
        self._forget(trial)

    def _forget(self, trial: Any) -> None:
        """Empty the results of the trials that ended earlier: of this one, Tune still tells the searcher."""
        for ended in self._ended:
            known = ended.run_metadata
            known.last_result, known.metric_analysis, known.metric_n_steps = {}, {}, {}
            if self._controller is not None:
                # Of those that stay, Tune makes JSON when the search ends.
                self._controller._trials_to_cache.discard(ended)
        self._ended = [trial]
