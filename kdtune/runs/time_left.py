"""How long the trials of a sweep will still take."""

from kdtune.runs.records import RunRecord
from kdtune.runs.state import RunState


def seconds_left(state: RunState, record: RunRecord, now: float) -> float | None:
    """Estimate the seconds until the trials end: epochs to go, times the mean epoch, over the trials at work.

    It is None before the first epoch is trained. It counts epochs, not trials, so that the first estimate comes long
    before the first trial is done.
    """
    if state.state != "running" or state.trials_started is None:
        return None
    limits = []
    if record.minutes is not None:
        limits.append(state.trials_started + 60.0 * record.minutes - now)
    trained = sum(trial.epoch for trial in state.trials.values())
    if record.trials is not None and trained > 0:
        mean = sum(trial.seconds for trial in state.trials.values()) / trained
        at_work = _carriers(state, record)
        todo = record.trials * record.epochs - state.epochs_settled
        limits.append(mean * todo / max(1, at_work))
    return max(0.0, min(limits)) if limits else None


def _carriers(state: RunState, record: RunRecord) -> float:
    """Return how many trainings are at work: students that are trained as one count as one."""
    cohort = record.machine.get("cohort") or {}
    size, fused = max(1, cohort.get("size", 1)), cohort.get("architectures", ())
    running = [trial for trial in state.trials.values() if trial.state == "running"]
    return sum(1 / size if trial.config.get("student") in fused else 1 for trial in running)
