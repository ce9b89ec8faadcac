"""`--serve`: a real server on loopback, its page and its websocket."""

import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.limits import PATIENCE
from tui.serve import free_port
from tui.serve.door import Door, is_own
from tui.sources.synthetic import Synthetic

aiohttp = pytest.importorskip("aiohttp")
pytest.importorskip("textual_serve")


@pytest.fixture(params=[()])
def served(tmp_path, request):
    files = Synthetic(trials=6, epochs=2, classes=3).write(tmp_path / "run")
    server = subprocess.Popen(
        [sys.executable, "-m", "tui", str(files.root), "--serve", "--ascii", *request.param],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = server.stderr.readline()
    found = re.search(r"(http://[^/]+)/\?token=[\w-]{32}", line)
    assert found, line
    yield found[1], found[0], server
    server.send_signal(signal.SIGINT)
    server.wait(PATIENCE)
    out, err = server.communicate()
    assert (server.returncode, out, err) == (0, "", "")


async def heard(socket_, pattern):
    """Return what the terminal in the browser was sent up to a text."""
    data = b""
    while not re.search(pattern, data):
        message = await socket_.receive(timeout=PATIENCE)
        assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), message
        data += message.data if isinstance(message.data, bytes) else message.data.encode()
    return data


async def test_the_page_and_the_monitor_behind_it(served) -> None:
    url, address, _ = served
    async with aiohttp.ClientSession() as session:
        opened = await session.get(address)
        page = await opened.text()
        assert str(opened.url) == f"{url}/", "the token does not stay in the address"
        assert "kdtune run" in page
        # Nothing is asked of another host.
        hosts = set(re.findall(r"(?:https?|wss?)://([^/\"]+)", page))
        assert hosts == {url.removeprefix("http://")}
        for path in re.findall(r"(?:src|href)=\"(http[^\"]+)\"|url\(\"([^\"]+)\"\)", page):
            assert (await session.get("".join(path))).status == 200
        place = re.search(r"data-session-websocket-url=\"([^\"]+)\"", page)[1]
        async with session.ws_connect(f"{place}?width=120&height=36") as terminal:
            first = await heard(terminal, rb"t0005")
            assert first.isascii()
            await terminal.send_json(["stdin", "2"])
            await heard(terminal, rb"Hypervolume")
            await terminal.send_json(["resize", {"width": 60, "height": 20}])
            await terminal.send_json(["stdin", "1"])
            await heard(terminal, rb"t0005")
            await terminal.send_json(["stdin", "q"])
            while (await terminal.receive(timeout=PATIENCE)).type not in (
                aiohttp.WSMsgType.CLOSE,
                aiohttp.WSMsgType.CLOSED,
                aiohttp.WSMsgType.CLOSING,
            ):
                pass


async def test_other_pages_and_other_names_are_refused(served) -> None:
    """A page on the internet may not look at a run through the user's browser, nor stop it."""
    url, address, _ = served
    place = url.replace("http", "ws") + "/ws?width=80&height=24"
    async with aiohttp.ClientSession() as session:
        assert (await session.get(address)).status == 200
        for headers in (
            {"Origin": "http://evil.example"},
            {"Origin": "http://localhost:1"},
            {"Origin": "null"},
            {"Host": "evil.example:8000"},
        ):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(place, headers=headers)
            assert refused.value.status == 403, headers
        assert (await session.get(url, headers={"Host": "evil.example"})).status == 403
        async with session.ws_connect(place, headers={"Origin": url}) as terminal:
            await heard(terminal, rb"t0005")


async def test_without_the_token_nobody_sees_anything(served):
    """Other users of the machine reach the port; they don't know the address."""
    url, address, _ = served
    token = address.rpartition("=")[2]
    async with aiohttp.ClientSession() as session:
        for path in ("/", f"/?token={token[:-1]}", "/?token=", "/?token=%FF", f"/static/css/xterm.css?token={token}",
                     "/static/css/xterm.css", "/static", "/download/1", "/ws"):  # fmt: skip
            answer = await session.get(url + path)
            assert (answer.status, "kdtune run" in await answer.text()) == (403, False), path
        for cookies in ({}, {f"kdtune-{url.rpartition(':')[2]}": "x"}):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(f"{url}/ws?token={token}", headers={
                    "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())
                })  # fmt: skip
            assert refused.value.status == 403
        answer = await session.get(address, allow_redirects=False)
        [cookie] = answer.headers.getall("Set-Cookie")
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie


@pytest.mark.parametrize(
    ("served", "said"),
    [((), rb"opened read-only"), (("--allow-stop",), rb"nothing to stop: the run is finished")],
    indirect=["served"],
)
async def test_the_page_stops_no_sweep_unless_that_was_asked_for(served, said):
    url, address, _ = served
    async with aiohttp.ClientSession() as session:
        await session.get(address)
        async with session.ws_connect(f"{url}/ws?width=120&height=36") as terminal:
            await heard(terminal, rb"t0005")
            await terminal.send_json(["stdin", "Q"])
            await heard(terminal, said)


async def test_ctrl_c_ends_the_server_while_a_page_is_open(served):
    """It waited for the page, for 22 seconds."""
    url, address, server = served
    async with aiohttp.ClientSession() as session:
        page = await (await session.get(address)).text()
        assert "closed; the run is not affected" in page, "it may be a finished one"
        async with session.ws_connect(f"{url}/ws?width=120&height=36") as terminal:
            await heard(terminal, rb"t0005")
            began = time.monotonic()
            server.send_signal(signal.SIGINT)
            while (await terminal.receive(timeout=PATIENCE)).type not in (
                aiohttp.WSMsgType.CLOSED,
                aiohttp.WSMsgType.ERROR,
            ):
                pass
    server.wait(PATIENCE)
    assert time.monotonic() - began < 15


def test_each_server_has_a_token_of_its_own():
    assert Door(1).token != Door(1).token
    assert Door(1).token not in repr(Door(1))
    assert not Door(1).knows({"kdtune-1": ""})
    assert not Door(1).brings_token({})


@pytest.mark.parametrize(
    ("host", "origin", "own"),
    [
        ("localhost:8000", None, True),
        ("localhost:8000", "http://localhost:8000", True),
        ("localhost:8000", "http://127.0.0.1:8000", True),
        ("[::1]:8000", "http://[::1]:8000", True),
        ("localhost:8000", "https://localhost.evil.example:8000", False),
        ("localhost:8000", "http://localhost", False),
        ("localhost.evil.example:8000", None, False),
        ("", None, False),
        ("localhost:x", None, False),
    ],
)
def test_who_is_let_in(host, origin, own) -> None:
    assert is_own(host, origin) is own


def test_a_port_that_is_taken_is_passed_over() -> None:
    first = free_port()
    with socket.socket() as taken:
        taken.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # the server of the test before may linger
        taken.bind(("localhost", first))
        taken.listen()
        assert free_port() > first
