"""Forks the workers of a local Ray from one process that has torch in memory: each would import it for seconds.

Ray starts a worker with a command. Here this is `worker_start.py`, which asks the fork server for the worker, and
starts it as Ray does where no server answers. The server does not import Ray: its core draws random ids, and all forks
would draw the same.
"""

import contextlib
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import struct
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

from kdtune.sweep.remote.worker_start import READY, SOCKET

_BYTES = 1 << 20
_PATIENCE = 30.0
"""Seconds for which a process that asks is waited for."""


def start_server(session: Path) -> "subprocess.Popen[bytes] | None":
    """Start a fork server in the folder of Ray's session; it ends when its standard input is closed.

    From now on it can be asked; it answers once it has imported what workers need. Returns None where it
    can't be started, and where processes are not forked: on macOS the system's own libraries don't allow it.
    """
    if sys.platform != "linux":
        return None
    try:
        return _started(session)
    except OSError:  # no more open files, processes or room: workers can do without
        return None


def _started(session: Path) -> "subprocess.Popen[bytes]":
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener,
        Path(session, "logs", "fork_server.err").open("wb") as log,
    ):
        listener.bind(str(session / "sockets" / SOCKET))
        listener.listen(64)
        return subprocess.Popen(
            [sys.executable, "-P", __file__, str(listener.fileno())],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=[listener.fileno()],
            env={**os.environ, "OMP_NUM_THREADS": "1"},  # else the libraries of numpy start threads
            start_new_session=True,
        )


def _serve(listener: socket.socket) -> None:
    """Import what workers need, and fork one for each request until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system forgets workers that end
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # as Ray does: Ctrl-C is for the driver
    # What workers import, but for what starts threads, as pandas does: a fork would wait for their locks for ever.
    import torch  # noqa: F401

    import kdtune.distill.open_cohort
    import kdtune.distill.teachers.ensemble  # noqa: F401

    threads = len(os.listdir("/proc/self/task"))
    if threads > 1 or "ray" in sys.modules:
        sys.exit(f"no worker is forked: {threads} threads, Ray imported: {'ray' in sys.modules}")
    gc.collect()
    gc.freeze()  # a worker's collection would copy the memory that it shares
    with selectors.DefaultSelector() as waiting:
        waiting.register(listener, selectors.EVENT_READ)
        waiting.register(0, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in waiting.select()}
            if 0 in ready and not os.read(0, _BYTES):
                return
            if listener.fileno() in ready:
                try:
                    _answer(listener, waiting)
                except (OSError, ValueError):
                    traceback.print_exc()


def _answer(listener: socket.socket, waiting: selectors.BaseSelector) -> None:
    """Fork the worker that somebody asks for, and tell its process id."""
    connection, _ = listener.accept()
    with connection:
        _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if user != os.geteuid():
            return  # a worker does what it is told, as this user
        connection.settimeout(_PATIENCE)
        connection.sendall(READY)
        content, descriptors, _, _ = socket.recv_fds(connection, _BYTES, 2)
        try:
            while not content.endswith(b"\n"):
                more = connection.recv(_BYTES)
                if not more:
                    return
                content += more
            request = json.loads(content)
            worker = os.fork()
            if worker == 0:
                waiting.close()
                listener.close()
                connection.close()
                _become(request, descriptors)
            connection.sendall(b"%d" % worker)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)


def _become(request: dict[str, Any], descriptors: list[int]) -> None:
    """Turn a fork into the worker that Ray asked for; never returns."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setpgid(0, 0)  # Ray ends a worker with its group
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, source in enumerate((nothing, *descriptors)):
            os.dup2(source, target)
        for descriptor in (nothing, *descriptors):
            os.close(descriptor)
        os.chdir(request["folder"])
        os.nice(request["niceness"] - os.nice(0))
        os.environ.clear()
        os.environ.update(request["environment"])
        import numpy as np

        np.random.seed()  # all forks would draw the same numbers
        sys.argv = request["arguments"]
        sys.path.insert(0, os.path.dirname(sys.argv[0]))
        runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
