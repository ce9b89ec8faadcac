"""What a run directory has lost: half copied, cut off, or full of zeros after a power cut.

What is whole is read all the same. So the numbers of a damaged run are those of a part of it, and whoever shows them
says so.
"""

import os
from collections.abc import Iterable

from kdtune.errors import RunError, UnreadableError
from kdtune.files import read_json
from kdtune.runs.jsonl import read_backwards
from kdtune.runs.paths import RunFiles, is_trial
from kdtune.runs.state import ModelState, RunState
from kdtune.text import listed

_MOST_NAMED = 3


def damage_of(
    files: RunFiles, state: RunState, shown: Iterable[ModelState], *, at_work: bool
) -> tuple[str, ...]:
    """Return what is missing of a run, a line for each file or folder; nothing if it is whole.

    Args:
        state: that the events describe.
        shown: models whose full reports somebody is about to read: those of the front, and baselines.
        at_work: whether a driver is writing, so that a folder may come before its event.
    """
    found = []
    try:
        read_json(files.record)
    except RunError as error:
        found.append(f"{error}: what was asked for is read from the copy in {files.events.name}")
    if state.damaged:
        lines = "1 line is no record" if state.damaged == 1 else f"{state.damaged:,} lines are no records"
        found.append(f"{files.events}: {lines}: what they said is missing here")
    if state.unknown:
        events = "1 event is" if state.unknown == 1 else f"{state.unknown:,} events are"
        found.append(
            f"{files.events}: {events} about a model whose beginning is missing, or of a later kdtune: left out here"
        )
    if not at_work and (lost := _without_events(files, state)):
        why = "says nothing of" if files.events.is_file() else "is missing, and so is what is known of"
        found.append(f"{files.events}: {why} {_named(lost)}: left out here")
    unread = [model.id for model in shown if model.state == "done" and _lacks_report(files, model)]
    if unread:
        found.append(
            f"{files.root}: the last report of {_named(unread)} is missing or damaged (reports.jsonl): "
            "no intervals of it, and no rates by group or class"
        )
    return tuple(found)


def _without_events(files: RunFiles, state: RunState) -> list[str]:
    """Return the trials that have reports and no event; a driver that was killed may leave a folder without any."""
    try:
        with os.scandir(files.root / "trials") as entries:
            names = sorted(entry.name for entry in entries if is_trial(entry.name) and entry.is_dir())
        return [name for name in names if name not in state.trials and files.reports(name).is_file()]
    except OSError:
        return []


def _lacks_report(files: RunFiles, model: ModelState) -> bool:
    if not model.epoch:
        return False
    try:
        return all(record.get("epoch") != model.epoch for record in read_backwards(files.reports(model.id)))
    except UnreadableError:
        return True


def _named(ids: list[str]) -> str:
    more = len(ids) - _MOST_NAMED
    return listed([*ids[:_MOST_NAMED], f"{more:,} more"] if more > 0 else ids)
