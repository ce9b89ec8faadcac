"""How long threads of torch that wait for each other keep a core busy."""

import os

_SPINS = "5000"
"""Rounds, about a quarter of a millisecond: more than lies between two operations of a step, less than a time slice."""


def limit_spinning() -> None:
    """Let threads of torch, here and in processes that this one starts, sleep when they have waited for a moment.

    GNU's OpenMP lets them keep a core busy for up to 16 ms. Where other work wants that core, the thread that they wait
    for gets none: beside one busy process on two cores, a step of a small network takes five to ten times as long.
    This must come before torch is imported. It does nothing where the environment says how threads are to wait.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)
