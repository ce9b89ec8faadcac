"""Forks the workers of a local Ray from one process that has torch, Ray and Tune in memory: each would import them.

Ray starts a worker with a command. Here this is `worker_start.py`, which asks the fork server for the worker, and
starts it as Ray does where no server answers. The server is itself a fork of the driver, which has imported torch for
its own use; in a process of the user's, which may have threads, it is started with a command, before the data are read,
and imports torch itself. It imports Ray when the raylet has started: what Ray's core reads from the environment, it
reads when it is imported, as the raylet's process id, with which a worker ends. With Ray it imports the other libraries
whose models are trained.
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
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from kdtune.bytecode import bytecode_for_children
from kdtune.sweep.remote.allotment import cores_here
from kdtune.sweep.remote.worker_start import READY, SOCKET

ALONE = {
    "OPENBLAS_DEFAULT_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
"""Environment in which the libraries of numpy, and of pandas, start no threads when they are imported.

Where the user asks numpy's for threads, by its other variables, they win: that process is not forked.
"""

_ASKED_OF_BLAS = {"OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"}

_NO_JOB = "ffffffff"
"""What Ray calls the job of a worker that begins with none; it is told when it is given something to do."""

_COMMAND = ["-P", "-m", "kdtune.sweep.preload"]
_BYTES = 1 << 20
TITLE = "kdtune: forks workers"
"""What `ps` shows of the server, once it can fork."""

_PATIENCE = 30.0
"""Seconds for which a process that asks is waited for."""


@dataclass(frozen=True)
class ForkServer:
    """A process that forks workers; it ends with the process that holds this."""

    pid: int
    _control: socket.socket
    _wait: Callable[[], object]

    def listen(self, session: Path) -> None:
        """Let the server be asked in the folder of a session of Ray's.

        Raises:
            OSError: the folder, or the server, is gone.
        """
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener,
            Path(session, "logs", "fork_server.err").open("wb") as log,
        ):
            listener.bind(str(session / "sockets" / SOCKET))
            listener.listen(64)
            socket.send_fds(self._control, [b"\n"], [listener.fileno(), log.fileno()])

    def import_ray(self, raylet: int, libraries: Iterable[str] = ()) -> None:
        """Let the server import Ray, with this environment, for workers of the raylet with this process id.

        Args:
            libraries: modules that workers will import too.
        """
        environment = {**os.environ, "RAY_RAYLET_PID": str(raylet)}
        with contextlib.suppress(OSError):  # the server is gone: workers can do without
            self._control.send(json.dumps([environment, sorted(libraries)]).encode())

    def end(self) -> None:
        """End the server; the workers live on."""
        self._control.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):  # whoever ignores SIGCHLD has no children to wait for
            self._wait()


_waiting: list[ForkServer] = []
"""The server for the Ray that is started next, if there is one already."""


def start_server(session: Path) -> ForkServer | None:
    """Return a server that can be asked for the workers of a session; it answers once it has imported Ray.

    Returns None where there can't be one, and where processes are not forked: on macOS the system's own libraries
    don't allow it.
    """
    if sys.platform != "linux":
        return None
    server = None
    try:
        server = _waiting.pop() if _waiting else _started()
        server.listen(session)
        return server
    except OSError:  # no more open files, processes or room: workers can do without
        if server is not None:
            server.end()
        return None


@contextlib.contextmanager
def forked_server(import_ray: Callable[[], object]) -> Iterator[None]:
    """Fork a server from this process, which has imported torch but not Ray, for the Ray that is started in the block.

    It does nothing where processes are not forked, and if this process has threads. In the block numpy may have them,
    which this process was started without (`ALONE`).
    """
    if sys.platform == "linux" and len(os.listdir("/proc/self/task")) == 1:
        with contextlib.suppress(OSError):
            _waiting.append(_fork(import_ray))
    if os.environ.pop("OPENBLAS_DEFAULT_NUM_THREADS", None) and not _ASKED_OF_BLAS & os.environ.keys():
        from threadpoolctl import threadpool_limits

        threadpool_limits(cores_here(), user_api="blas")
    try:
        yield
    finally:
        _end_waiting()


@contextlib.contextmanager
def server_ahead() -> Iterator[None]:
    """Start a server with a command for the Ray that is started in the block: meanwhile it imports torch.

    It does nothing where processes are not forked.
    """
    if sys.platform == "linux" and not _waiting:
        with contextlib.suppress(OSError), bytecode_for_children():
            _waiting.append(_started())
    try:
        yield
    finally:
        _end_waiting()


def _end_waiting() -> None:
    while _waiting:
        _waiting.pop().end()


def _fork(import_ray: Callable[[], object]) -> ForkServer:
    gc.freeze()  # a collection, here or there, would copy the memory that is shared
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid:
        theirs.close()
        return ForkServer(pid, ours, partial(os.waitpid, pid, 0))
    try:
        ours.close()
        os.setsid()
        serve(theirs, import_ray)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def _started() -> ForkServer:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, *_COMMAND],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            env={**os.environ, **ALONE, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
    return ForkServer(process.pid, ours, process.wait)


def serve(control: socket.socket, import_ray: Callable[[], object]) -> None:
    """Fork a worker for each request, until the other end of `control` is closed.

    Args:
        import_ray: imports Ray, and what workers need of it, without drawing ids.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system forgets workers that end
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # as Ray does: Ctrl-C is for the driver
    _, descriptors, _, _ = socket.recv_fds(control, 1, 2)
    message = control.recv(_BYTES)
    if not message:
        return
    environment, libraries = json.loads(message)
    listening, log = descriptors
    for target in (1, 2):
        os.dup2(log, target)
    os.close(log)
    os.environ.update(environment, RAY_JOB_ID=_NO_JOB)
    import_ray()
    for name in libraries:
        with contextlib.suppress(ImportError):  # a worker that needs it says so
            import_module(name)
    from ray import _raylet

    core: Any = _raylet  # which does not say what it has
    core.setproctitle(TITLE)  # else it looks like the driver, whose fork it is
    gc.freeze()  # a worker's collection would copy the memory that it shares
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1 or not _ids_differ():
        sys.exit(f"no worker is forked: {threads} threads, or all forks would draw the same ids")
    with socket.socket(fileno=listening) as listener, selectors.DefaultSelector() as waiting:
        waiting.register(listener, selectors.EVENT_READ)
        waiting.register(control, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in waiting.select()]
            if control in ready and not control.recv(1):
                return
            if listener in ready:
                try:
                    _answer(listener, control, waiting)
                except (OSError, ValueError):
                    traceback.print_exc()


def _ids_differ() -> bool:
    """Tell whether two forks draw different ids for their workers: Ray's core must not have drawn any before."""
    from ray._raylet import WorkerID

    drawn = []
    for _ in range(2):
        read, write = os.pipe()
        if os.fork() == 0:
            os.write(write, WorkerID.from_random().binary())
            os._exit(0)
        os.close(write)
        drawn.append(os.read(read, _BYTES))
        os.close(read)
    return bool(drawn[0]) and drawn[0] != drawn[1]


def _answer(listener: socket.socket, control: socket.socket, waiting: selectors.BaseSelector) -> None:
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
                for ours in (listener, control, connection):
                    ours.close()
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
