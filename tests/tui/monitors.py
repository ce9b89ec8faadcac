"""Monitors of made-up runs, whose events are made once."""

import copy
from functools import cache

from tui.app import Monitor
from tui.sources.synthetic import Synthetic

WORLDS = {
    "empty": {"trials": 3, "epochs": 3, "classes": 3, "done": 0, "state": "preparing"},
    "running": {"trials": 12, "epochs": 4, "classes": 10, "done": 7, "running": 2, "state": "running"},
    "finished": {"trials": 9, "epochs": 4, "classes": 10},
    "one trial": {"trials": 1, "epochs": 3, "classes": 4},
    "thousand trials": {"trials": 1000, "epochs": 2, "classes": 5, "exact": False},
}


@cache
def made(name):
    world = Synthetic(**WORLDS[name])
    events = list(world.events())
    world.events = lambda: iter(events)
    return world


def world_of(name):
    """Return a fresh source over events that were made once."""
    return copy.copy(made(name))


def monitor_of(name, **options):
    return Monitor(world_of(name), **options)
