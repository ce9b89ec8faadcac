"""The command with which a local Ray starts its workers, in place of Ray's own `setup_worker.py`.

It asks the fork server for the worker. Ray's script would import the whole of Ray, only to start Python once more. It
runs as a script: what it imports, each worker waits for.
"""

import json
import os
import runpy
import socket
import sys

SOCKET = "forks"
"""Name of the fork server's socket, beside those of Ray."""

READY = b"ready\n"
"""What the server says first: a process that waits in vain must not have asked, or there would be two workers."""

_PATIENCE = 120.0
"""Seconds in which the server has imported what workers need, also on a busy machine."""

_CONTEXT, _LANGUAGE, _RAYLET = "--serialized-runtime-env-context=", "--language=", "--raylet-name="


def main() -> None:
    """Ask for the worker that the arguments describe, or become it as Ray's script does."""
    words = sys.argv[1:]
    if _asked(words):
        return
    workers = os.path.dirname(next(word for word in words if not word.startswith("-")))
    sys.argv[0], sys.path[0] = os.path.join(workers, "setup_worker.py"), workers
    runpy.run_path(sys.argv[0], run_name="__main__")


def _asked(words: list[str]) -> bool:
    """Return whether the fork server has started the worker."""
    context = json.loads(_value(words, _CONTEXT) or "{}")
    raylet = _value(words, _RAYLET)
    usual = (
        not words[0].startswith("-")  # else options for the interpreter come first
        and _value(words, _LANGUAGE) in ("", "PYTHON")
        and not context.get("command_prefix")
        and not context.get("override_worker_entrypoint")
        and context.get("py_executable") in (None, sys.executable)
    )
    if not raylet or not usual:
        return False
    request = {
        "arguments": [word for word in words if not word.startswith((_CONTEXT, _LANGUAGE))],
        "environment": {**os.environ, **context.get("env_vars", {})},
        "folder": os.getcwd(),
        "niceness": os.nice(0),
    }
    content = json.dumps(request).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_PATIENCE)
            connection.connect(os.path.join(os.path.dirname(raylet), SOCKET))
            if connection.recv(len(READY)) != READY:
                return False
            sent = socket.send_fds(connection, [content], [1, 2])
            connection.sendall(content[sent:])
            return bool(connection.recv(32))
    except OSError:  # there is no server, or it has ended
        return False


def _value(words: list[str], name: str) -> str:
    return next((word.removeprefix(name) for word in words if word.startswith(name)), "")


if __name__ == "__main__":
    main()
