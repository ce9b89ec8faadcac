"""Imports what the workers of a Ray on this machine need, so that they are forked with it in memory.

`python -m kdtune.sweep.preload` is a fork server in a process of its own; its standard input is the socket on which it
is told where to listen.
"""

import contextlib
import gc
import os
import socket
from collections.abc import Iterator
from importlib import import_module
from typing import Any

_OF_TUNE = ("pandas", "pyarrow.fs", "aiohttp", "jsonschema", "requests", "google.protobuf.message")
"""Packages that Ray and Tune import in every process: the driver and the fork server share them."""


def import_torch() -> None:
    """Import what workers need, but for Ray."""
    with _uncollected():
        import torch  # noqa: F401

        import kdtune.distill.cohorts.open_cohort
        import kdtune.distill.teachers.ensemble
        import kdtune.sweep.plan  # noqa: F401

        for name in _OF_TUNE:
            with contextlib.suppress(ImportError):
                import_module(name)


def import_ray() -> None:
    """Import Ray, and what workers need of it, so that forks of this process differ."""
    with _uncollected(), _ids_from_the_system():
        import kdtune.sweep.remote.tasks
        import kdtune.sweep.tune.trainable  # noqa: F401


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Let nothing be collected: while modules load there is nothing to collect."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextlib.contextmanager
def _ids_from_the_system() -> Iterator[None]:
    """Let classes that become actors while modules load get ids from the system.

    Ray's core would draw them, and once it has drawn one, all forks draw the same.
    """
    import ray.actor

    home: Any = ray.actor
    drawn = home.ActorClassID

    class Ids:
        @staticmethod
        def from_random() -> Any:
            return drawn(os.urandom(drawn.size()))

    home.ActorClassID = Ids
    try:
        yield
    finally:
        home.ActorClassID = drawn


if __name__ == "__main__":
    from kdtune.sweep.remote.fork_server import serve

    import_torch()
    serve(socket.socket(fileno=os.dup(0)), import_ray)  # a worker's own input takes the place of this one
