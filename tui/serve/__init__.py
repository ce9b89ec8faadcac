"""The monitor in a browser: textual-serve starts a process of it for each visitor."""

import asyncio
import logging
import shlex
import socket
import sys
from pathlib import Path
from typing import Any

from kdtune.errors import InputError
from kdtune.output import narrate

from .door import Door, is_own

HOST, PORT = "localhost", 8000
PORTS_TRIED = 100


def serve_run(
    run: Path, *, replay: bool, speed: float, readonly: bool, ascii: bool, theme: str | None
) -> int:
    """Serve the monitor on this machine until it is interrupted, on the first free port from 8000 on.

    Only a browser that opens the address with its token is let in.

    Raises:
        InputError: textual-serve is not installed, or no port is free.
    """
    try:
        from aiohttp import web
        from textual_serve.server import Server
    except ModuleNotFoundError:
        raise InputError("--serve needs textual-serve: pip install 'kdtune[serve]'") from None

    port = free_port()
    door = Door(port)

    @web.middleware
    async def own_pages_only(request: web.Request, handler: Any) -> Any:
        if not is_own(request.headers.get("Host", ""), request.headers.get("Origin")):
            raise web.HTTPForbidden(text="kdtune: only this server's own page may use it\n")
        if request.path == "/" and door.brings_token(request.query):
            # The page itself is opened without the token, which else stayed in the history of the browser.
            response = web.HTTPFound("/")
            response.set_cookie(door.cookie, door.token, httponly=True, samesite="Strict")
            return response
        if not door.knows(request.cookies):
            raise web.HTTPForbidden(text="kdtune: open the address with its token, as it was printed\n")
        return await handler(request)

    class RunServer(Server):
        """A server with our own page, because that of textual-serve loads fonts from the internet first."""

        def serve(self, debug: bool = False) -> None:
            """Serve, and print the address once the server listens."""
            where = f"kdtune: {run.name} is on {door.address(self.public_url)} (Ctrl-C ends it)"
            loop = VisitorsLoop()

            async def app() -> web.Application:
                made = await self._make_app()
                made.on_cleanup.append(lambda _: loop.close_visitors())
                made.middlewares.append(own_pages_only)
                return made

            web.run_app(
                app(),
                host=self.host,
                port=self.port,
                loop=loop,
                shutdown_timeout=1.0,  # seconds that Ctrl-C waits for open pages
                print=lambda *_: narrate(where),
            )

        async def on_startup(self, app: web.Application) -> None:
            """Print nothing, because the server does not listen yet."""

    # asyncio warns about a visitor's process that ends together with the server, which is normal.
    logging.getLogger("asyncio").addHandler(logging.NullHandler())
    monitor = __package__.rpartition(".")[0]  # `tui` in a clone, `kdtune.tui` where a wheel was installed
    command = [sys.executable, "-P", "-m", monitor, str(run.resolve()), "--speed", str(speed)]
    command += ["--replay"] * replay + ["--readonly"] * readonly + ["--ascii"] * ascii
    command += ["--theme", theme] if theme else []
    RunServer(
        shlex.join(command),
        host=HOST,
        port=port,
        title=f"kdtune {run.name}",
        templates_path=str(Path(__file__).parent),
    ).serve()
    return 0


class VisitorsLoop(asyncio.SelectorEventLoop):
    """An event loop that closes the pipes of its visitors' processes before it ends.

    textual-serve leaves them to the garbage collector, which then finds a closed loop and prints a traceback.
    """

    def __init__(self) -> None:
        super().__init__()
        self.visitors: list[asyncio.SubprocessTransport] = []

    async def subprocess_shell(self, *args: Any, **options: Any) -> Any:
        """Start a visitor's process, and remember its pipes."""
        transport, protocol = await super().subprocess_shell(*args, **options)
        self.visitors.append(transport)
        return transport, protocol

    async def close_visitors(self) -> None:
        """Close the pipes of all visitors, which kills a process that is still running."""
        for transport in self.visitors:
            transport.close()
        await asyncio.sleep(0)


def free_port() -> int:
    """Return the first free port from 8000 on.

    Raises:
        InputError: none of the next hundred is free.
    """
    for port in range(PORT, PORT + PORTS_TRIED):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise InputError(f"--serve: no free port from {PORT} to {PORT + PORTS_TRIED - 1}")
