"""The status of the run in words: its state, and warnings."""

from kdtune.runs.time_left import seconds_left
from kdtune.text import duration

from .session import Session
from .sources import Replay

STALE_SECONDS = 180.0
"""A running sweep without a report for so long gets a warning."""


def state_name(session: Session) -> str:
    """Return the run's state; `lost` if its driver died without a word, `gone` if its folder no longer exists."""
    source, store = session.source, session.store
    if source.health.gone:
        return "gone"
    if source.loading is not None and not store.reports:
        return "loading"
    state = store.state.state
    return "lost" if state in ("preparing", "running") and source.health.lost else state


def resume_command(session: Session) -> str:
    """Return the command that continues the run."""
    record = session.store.record
    run = record.name if session.files is None else session.files.argument
    return record.resuming(run)


def badges(session: Session) -> list[tuple[str, str]]:
    """Return what must not be overlooked, each with its style: a replay, a pause, an error, a silence."""
    source = session.source
    found: list[tuple[str, str]] = []
    state = state_name(session)
    if isinstance(source, Replay):
        found.append((f"replay {source.speed:g}× {source.place:.0%}", "badge"))
        if source.paused:
            found.append(("paused", "badge-warn"))
    elif source.paused:
        found.append((f"paused +{source.held:,}", "badge-warn"))
    if source.loading is not None:
        found.append((f"reading {source.loading:.0%}", "badge"))
    if source.health.error:
        found.append((source.health.error, "badge-bad"))
    if source.health.stopping and state in ("preparing", "running"):
        found.append(("stopping", "badge-warn"))
    last = session.store.last_report
    if state == "running" and last is not None and not session.is_replay and not source.paused:
        silent = source.now() - max(last, session.store.state.trials_started or last)
        if silent > STALE_SECONDS:
            found.append((f"no report for {duration(silent // 60 * 60)}", "badge-warn"))
    return found


def time_passed(session: Session) -> float | None:
    """Return the seconds in which drivers have worked on the run; None before the first one has begun."""
    store = session.store
    if store.journal.began is None:
        return None
    works = state_name(session) in ("running", "preparing")
    return store.journal.elapsed(store.state, session.source.now() if works else None)


def time_left(session: Session) -> float | None:
    """Return the seconds left, as `kdtune status` estimates them; None without an estimate."""
    if state_name(session) != "running":
        return None
    return seconds_left(session.store.state, session.store.record, session.source.now())
