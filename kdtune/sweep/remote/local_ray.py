"""Starts Ray on this machine, also on a busy one: without what a sweep does not need, and again if it fails.

Ray itself gives up after 15 s if its Python agents have not come up, which on a busy machine takes longer, and then it
waits for a process that is dead.
"""

import contextlib
import gc
import itertools
import logging
import os
import re
import secrets
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from kdtune.bytecode import bytecode_for_children
from kdtune.errors import KdtuneError, SweepError
from kdtune.files import remove_abandoned, this_machine
from kdtune.sweep.remote import worker_start
from kdtune.sweep.remote.fork_server import ForkServer, start_server
from kdtune.sweep.remote.ray_folder import choose_folder, object_store_bytes
from kdtune.user_code import added_folders

PATIENCE = 300.0
"""Seconds after which no further start is tried."""

_PAUSES = (2.0, 5.0, 10.0, 20.0, 30.0)
"""Seconds before a start is tried again; the last one repeats."""

_REGISTER_SECONDS = 120.0
"""How long Ray's own processes may live without an answer before a start counts as failed."""

_AGENT, _ASKED = "dashboard_agent", "runtime_env_agent_port"
_AGENT_PORTS = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port")
_NOBODY = 1
"""A port at which nobody answers: the agent whose ports these would be is not started."""

_STAND_IN = ["sh", "-c", "exec cat"]
"""Lives as long as the raylet, which holds the other end of its input and would end without its agents."""

_OPEN_FILES = 65_536


_servers: list[ForkServer] = []
"""Those that fork the workers of the Ray that was started last."""


class _DiedError(Exception):
    """A process of Ray ended while Ray started."""


def start_ray(cores: int, gpus: int, say: Callable[[str], object], libraries: Collection[str] = ()) -> Path:
    """Start Ray on this machine, bound to the loopback, and return the folder of its session.

    Args:
        cores, gpus: what Ray may hand out; left to itself, it also counts GPUs that torch can not use.
        say: called with what goes wrong and what is done about it.
        libraries: modules that all workers will import.

    Raises:
        SweepError: it did not start for minutes, or can't; the message says why, and how to do without.
    """
    import ray

    _allow_open_files()
    _provide_token()
    end_servers()
    begun = time.monotonic()
    for pause in itertools.chain(_PAUSES, itertools.repeat(_PAUSES[-1])):
        nodes: list[Any] = []
        try:
            folder = choose_folder(say)
            remove_abandoned(folder, _pid_of_session)
            memory = object_store_bytes(folder, say)
            with bytecode_for_children(), _loopback_only(), _bare(nodes, libraries):
                ray.init(
                    address="local",
                    job_config=job_of_this_process(),
                    num_cpus=cores,
                    num_gpus=gpus,
                    include_dashboard=False,
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                    object_store_memory=memory,
                    _temp_dir=str(folder),
                )
            return Path(nodes[-1]._session_dir)
        except KdtuneError:
            raise
        except Exception as error:  # Ray has no exception class for this
            why = _cause(error, nodes)
            _end_all(nodes)
            if not _may_pass(error):
                raise SweepError(f"Ray {ray.__version__} did not start: {why}") from error
            if time.monotonic() - begun + pause > PATIENCE:
                raise SweepError(
                    f"Ray did not start: {why}: {_load()}; start it yourself when the machine is less busy, with "
                    "'ray start --head', and join it: --address HOST:PORT"
                ) from error
            say(f"Ray did not start ({why}): {_load()}; it is tried again in {pause:.0f} s")
            time.sleep(pause)
            gc.collect()  # frees what is left of a failed start
            say("starting Ray")
        except BaseException:  # an interrupt leaves as much behind
            _end_all(nodes)
            raise
    raise AssertionError("there is always another pause")


def _may_pass(error: Exception) -> bool:
    """Return whether trying again may help: not if the disk, a setting or the version of Ray is the reason."""
    lasting = OSError | ValueError | ImportError
    return isinstance(error, ConnectionError | TimeoutError) or not isinstance(error, lasting)


def _load() -> str:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return f"{load:.0f} processes want the {os.cpu_count()} cores of this machine"


def _cause(error: Exception, nodes: list[Any]) -> str:
    """Return one line: what ended a process of Ray, in its own words, or what Ray said."""
    words = str(error).strip().partition("\n")[0] or type(error).__name__
    if isinstance(error, _DiedError) and nodes:
        for name in ("raylet.out", "raylet.err", "gcs_server.out", "gcs_server.err"):
            with contextlib.suppress(OSError):
                text = Path(nodes[-1]._session_dir, "logs", name).read_text(
                    encoding="utf-8", errors="replace"
                )
                found = re.findall(r"(?:Check failed: |\[[^\]]* [CF] [^\]]*\] \S+ \S+ )(.{1,300})", text)
                if found:
                    return f"{words}: {found[-1].strip()}"
    return words


def _end_all(nodes: list[Any]) -> None:
    """End what a failed start leaves running."""
    import ray

    ray.shutdown()
    for node in nodes:
        _end(node)
    end_servers()


def _end(node: Any) -> None:
    for processes in list(node.all_processes.values()):
        for info in processes:
            with contextlib.suppress(OSError):
                info.process.kill()
                info.process.wait(timeout=10)


def _allow_open_files() -> None:
    """Raise this process's limit of open files as far as it may: Ray needs many, and inherits it."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _provide_token() -> None:
    """Give Ray its token in the environment if it can't keep one in the user's home, as it would."""
    if any(os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")):
        return
    kept = Path.home() / ".ray" / "auth_token"
    try:
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=kept.parent) as probe:
                probe.write(b"x" * 64)
    except OSError:
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def job_of_this_process() -> Any:
    """Return how Ray describes this process to workers: they import from the current folder only if it does itself.

    Otherwise they would look for every module there first, and a folder of data may contain a file called torch.py.
    """
    from ray.job_config import JobConfig

    class Job(JobConfig):
        def _serialize(self) -> Any:
            if not _imports_from_here():
                here = os.getcwd()
                self._py_driver_sys_path = [place for place in self._py_driver_sys_path if place != here]
            return super()._serialize()

    return Job()


def _imports_from_here() -> bool:
    here = os.getcwd()
    return "" in sys.path or (here in sys.path and here not in added_folders())


@contextlib.contextmanager
def _loopback_only() -> Iterator[None]:
    """Let a starting Ray bind to the loopback, as it does on macOS and Windows: else it listens everywhere.

    On Linux, Ray accepts no address for this; this constant decides.
    """
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


@contextlib.contextmanager
def _bare(nodes: list[Any], libraries: Collection[str]) -> Iterator[None]:
    """Start Ray without parts that nobody uses here, and notice at once if one of its processes dies.

    These are the monitor of the autoscaler, which has only one machine to scale, the monitor of the logs, which nobody
    asked for, the server of the dashboard, which starts even if the dashboard is off, and its agent. The raylet waits
    15 s for the ports of its agents, and ends itself if they don't come, so they are written for it beforehand: the
    agent for runtime environments, which it does ask, may come up while the sweep has begun.

    Args:
        nodes: gets the node that is started.
        libraries: modules that all workers will import.
    """
    from ray._private import ray_constants, services
    from ray._private.node import Node

    get_node, begun = services.get_node, time.monotonic()
    build = services._build_python_executable_command_memory_profileable
    begin, start_raylet, start = Node.start_head_processes, Node.start_raylet, services.start_ray_process
    elsewhere = not _imports_from_here()

    def start_head_processes(node: Any) -> None:
        nodes.append(node)
        Path(node._session_dir, f"{_mark()}{os.getpid()}").touch()
        begin(node)

    def start_raylet_at_once(node: Any, *args: Any, **options: Any) -> None:
        if (server := start_server(Path(node._session_dir))) is not None:
            _servers.append(server)
            node._ray_params.setup_worker_path = worker_start.__file__
        node._ray_params.runtime_env_agent_port = _free_port()
        ports = {**dict.fromkeys(_AGENT_PORTS, _NOBODY), _ASKED: node._ray_params.runtime_env_agent_port}
        for name, port in ports.items():
            Path(node._session_dir, f"{name}_{node._node_id}").write_text(str(port), encoding="ascii")
        start_raylet(node, *args, **options)
        if server is not None:
            [raylet] = node.all_processes[ray_constants.PROCESS_TYPE_RAYLET]
            server.import_ray(raylet.process.pid, libraries)

    def start_in_session(*args: Any, **options: Any) -> Any:
        # Not in the current folder, which may be deleted while the sweep goes on.
        return start(*args, **{"cwd": nodes[-1]._session_dir if elsewhere else None, **options})

    def command_of(component: str, *args: Any, **options: Any) -> list[str]:
        return list(_STAND_IN) if component == _AGENT else list(build(component, *args, **options))

    def get_node_or_die(*args: Any) -> Any:
        while True:
            found = None
            with contextlib.suppress(RuntimeError):  # not yet registered
                found = get_node(*args)
            # also of one that has registered: this process is ended, without an exception, if it connects to a dead one
            for name, process in nodes[-1].dead_processes() if nodes else ():
                raise _DiedError(f"its process {name} ended{_how(process.returncode)}")
            if found is not None:
                return found
            if time.monotonic() - begun > _REGISTER_SECONDS:
                raise TimeoutError(f"its processes did not answer for {_REGISTER_SECONDS:.0f} s")
            time.sleep(0.02)

    changes: dict[tuple[Any, str], Any] = {
        **{(Node, name): _nothing for name in ("start_monitor", "start_log_monitor", "start_api_server")},
        (Node, "start_head_processes"): start_head_processes,
        (Node, "start_raylet"): start_raylet_at_once,
        (services, "get_node"): get_node_or_die,
        (services, "start_ray_process"): start_in_session,
        (services, "_build_python_executable_command_memory_profileable"): command_of,
    }
    before = {(owner, name): getattr(owner, name) for owner, name in changes}
    for (owner, name), new in changes.items():
        setattr(owner, name, new)
    try:
        yield
    finally:
        for (owner, name), old in before.items():
            setattr(owner, name, old)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _nothing(*_: Any, **__: Any) -> None:
    """Start nothing."""


def _how(code: int) -> str:
    return f", killed by signal {-code}" if code < 0 else f" with code {code}"


def end_servers() -> None:
    """End the server that forks workers, which no Ray asks any more."""
    while _servers:
        _servers.pop().end()


def remove_session(folder: Path) -> None:
    """Delete what a Ray that has ended in peace leaves: logs and sockets, some hundred kilobytes each time."""
    shutil.rmtree(folder, ignore_errors=True)


def keep_session(folder: Path) -> None:
    """Let the files of a Ray that has ended after an error stay: its logs may tell why."""
    (folder / f"{_mark()}{os.getpid()}").unlink(missing_ok=True)


def _mark() -> str:
    """Return the beginning of a file's name in the sessions that kdtune starts here: its process's number follows."""
    return f"kdtune-{this_machine()}-"


def _pid_of_session(entry: "os.DirEntry[str]") -> str:
    marks = [name for name in os.listdir(entry.path) if name.startswith(_mark())]
    return marks[0].removeprefix(_mark()) if marks else ""
