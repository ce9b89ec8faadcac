"""Measures the monitor in a real pseudo-terminal, 180×50, against the naive build, and prints targets met and missed.

python benchmarks/monitor.py [--seconds 10] [--only NAME ...]
"""

import argparse
import fcntl
import json
import os
import pty
import re
import select
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path
from typing import Any

import psutil

WIDTH, HEIGHT = 180, 50
ROOT = Path(__file__).resolve().parent.parent


class Terminal:
    """A monitor in a pseudo-terminal: what it wrote, and when."""

    def __init__(self, kind: str, run: Path, *, ssh: bool = False) -> None:
        self.stats = Path(tempfile.mkstemp(suffix=".json")[1])
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT)}
        env.pop("SSH_CONNECTION", None)
        env.pop("NO_COLOR", None)
        if ssh:
            env["SSH_CONNECTION"] = "10.0.0.1 22 10.0.0.2 22"
        self.begun = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--child", kind, "--run", str(run), "--stats", str(self.stats)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=env,
        )
        os.close(slave)
        self.master = master
        self.chunks: list[tuple[float, bytes]] = []
        self._stop = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._stop:
            ready, _, _ = select.select([self.master], [], [], 0.2)
            if ready:
                try:
                    data = os.read(self.master, 1 << 16)
                except OSError:
                    return
                if not data:
                    return
                self.chunks.append((time.perf_counter(), data))

    def send(self, keys: str) -> float:
        os.write(self.master, keys.encode())
        return time.perf_counter()

    def wait(self, pattern: str, *, start: int = 0, timeout: float = 20.0) -> float | None:
        """Return when the output since chunk `start` first matched."""
        expression = re.compile(pattern.encode())
        limit = time.perf_counter() + timeout
        seen, text = start, b""
        while time.perf_counter() < limit:
            while seen < len(self.chunks):
                when, data = self.chunks[seen]
                text = _plain(text[-400:] + data)
                seen += 1
                if expression.search(text):
                    return when
            time.sleep(0.001)
        return None

    def written(self, since: float) -> int:
        return sum(len(data) for when, data in self.chunks if when >= since)

    def cpu(self) -> float:
        try:
            times = psutil.Process(self.process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return times.user + times.system

    def memory(self) -> float:
        return psutil.Process(self.process.pid).memory_info().rss / 2**20

    def close(self) -> dict[str, Any]:
        self.send("q")
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._stop = True
        self._thread.join(2)
        os.close(self.master)
        try:
            return dict(json.loads(self.stats.read_text() or "{}"))
        finally:
            self.stats.unlink(missing_ok=True)


def _plain(data: bytes) -> bytes:
    return re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", data)


class Writer:
    """Lets a made-up run grow at a rate, from a thread: events, and full reports of the trial that reports."""

    def __init__(
        self, path: Path, rate: float, *, trials: int = 1000, epochs: int = 200, classes: int = 100
    ) -> None:
        from kdtune.runs.jsonl import dumps
        from tui.synthetic import Synthetic

        self.world = Synthetic(
            trials=trials, epochs=epochs, classes=classes, done=0, running=4, exact=False, state="running"
        )
        self.path = path
        self.rate = rate
        self.sent = 0
        self.late = 0.0
        self.dumps = dumps
        self.template = json.dumps(self.world.report("t0000", 3).to_dict())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def prepare(self, *, trials_done: int) -> "Writer":
        from tui.synthetic import Synthetic

        world = Synthetic(
            trials=self.world.n_trials,
            epochs=4,
            classes=len(self.world.record.classes),
            done=trials_done,
            exact=False,
            state="running",
        )
        files = world.write(self.path, reports=False)
        for model_id in ("teacher-resnet20", "nds-lenet5"):
            target = files.reports(model_id)
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "w") as file:
                for epoch in range(1, 5):
                    file.write(json.dumps(world.report(model_id, epoch).to_dict()) + "\n")
        self.first = trials_done
        return self

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> int:
        self._stop.set()
        self._thread.join()
        return self.sent

    def _run(self) -> None:
        from kdtune.runs.files import RunFiles

        files = RunFiles(self.path)
        running = [f"t{self.first + k:04d}" for k in range(4)]
        with open(files.events, "ab", buffering=0) as events:
            open_files = {}
            for model_id in running:
                event = {
                    "t": time.time(),
                    "kind": "trial",
                    "id": model_id,
                    "model": "student",
                    "epochs": 100_000,
                    "state": "running",
                }
                events.write(
                    (self.dumps({**event, "config": self.world.config(int(model_id[1:]))}) + "\n").encode()
                )
                files.model(model_id).mkdir(parents=True, exist_ok=True)
                open_files[model_id] = open(files.reports(model_id), "ab", buffering=0)  # noqa: SIM115
            epochs = dict.fromkeys(running, 0)
            begun = time.monotonic()
            while not self._stop.is_set():
                due = int((time.monotonic() - begun) * self.rate)
                while self.sent < due:
                    model_id = running[self.sent % 4]
                    epochs[model_id] += 1
                    epoch = epochs[model_id]
                    report = self.template.replace('"epoch": 3', f'"epoch": {epoch}', 1)
                    open_files[model_id].write((report + "\n").encode())
                    values = self.world._values(model_id, 1 + epoch % 200, None)  # type: ignore[arg-type]
                    event = {
                        "t": time.time(),
                        "kind": "report",
                        "id": model_id,
                        "epoch": epoch,
                        "seconds": 1.0,
                        "values": values,
                    }
                    events.write((self.dumps(event) + "\n").encode())
                    self.sent += 1
                time.sleep(0.004)
            for file in open_files.values():
                file.close()


def child(kind: str, run: Path, stats: Path) -> None:
    """Be the monitor that is measured."""
    found: dict[str, Any] = {}
    if kind == "naive":
        from naive_monitor import Naive

        naive = Naive(run)
        naive.run()
        found = {"reports": naive.reports, "late": naive.late}
    else:
        from kdtune.runs.reader import open_run
        from tui.app import Monitor
        from tui.sources import Batch, Live

        late: list[float] = []

        class Timed(Live):
            def drain(self) -> Batch | None:
                batch = super().drain()
                now = time.time()
                late.extend(
                    now - event["t"]
                    for event in (batch.events if batch else ())
                    if event["kind"] == "report" and now - event["t"] < 1000
                )
                return batch

        opened = open_run(run)
        app = Monitor(Timed(opened.files, opened.record))
        app.run()
        found = {
            "reports": app.session.store.reports,
            "late": max(late, default=0.0),
            "skipped": app.session.source.skipped,
        }
    stats.write_text(json.dumps(found))


def keys(terminal: Terminal, kind: str, count: int) -> list[float]:
    """Return milliseconds from a key to the paint that answers it."""
    found = []
    title = r"cursor (t\d+)" if kind == "naive" else r"▌.{0,6} (t\d\d\d\d) "
    for k in range(count):
        start = len(terminal.chunks)
        before = _last(terminal, title)
        at = terminal.send("jk"[k // 6 % 2] if kind != "naive" else ("\x1b[B", "\x1b[A")[k // 6 % 2])
        limit = at + 2.0
        while time.perf_counter() < limit:
            if _changed(terminal, start, title, before):
                found.append(1000 * (terminal.chunks[-1][0] - at))
                break
            time.sleep(0.0005)
        time.sleep(0.11 + 0.013 * (k % 7))
    return found


def _last(terminal: Terminal, title: str) -> bytes:
    text = _plain(b"".join(data for _, data in terminal.chunks[-400:]))
    hits = re.findall(title.encode(), text)
    return bytes(hits[-1]) if hits else b""


def _changed(terminal: Terminal, start: int, title: str, before: bytes) -> bool:
    text = _plain(b"".join(data for _, data in terminal.chunks[start:]))
    hits = re.findall(title.encode(), text)
    return bool(hits) and hits[-1] != before


def load_figures(
    kind: str, folder: Path, rate: float, seconds: float, *, ssh: bool = False, press: int = 40
) -> dict[str, float]:
    """Return CPU, bytes and key latency under a rate of reports."""
    path = folder / f"{kind}-{rate:g}-{ssh}"
    writer = Writer(path, rate).prepare(trials_done=0 if kind == "naive" else 996)
    terminal = Terminal(kind, path, ssh=ssh)
    terminal.wait("t0" if kind != "naive" else "accuracy", timeout=20)
    time.sleep(3.0)
    writer.start()
    time.sleep(2.0)
    begun, cpu = time.perf_counter(), terminal.cpu()
    time.sleep(seconds)
    passed = time.perf_counter() - begun
    result = {
        "cpu": 100 * (terminal.cpu() - cpu) / passed,
        "bytes": terminal.written(begun) / passed / 1024,
        "memory": terminal.memory(),
    }
    if press:
        latency = keys(terminal, kind, press)
        if latency:
            latency.sort()
            result.update(
                p50=statistics.median(latency),
                p95=latency[int(0.95 * len(latency))],
                max=latency[-1],
                answered=len(latency) / press,
            )
    sent = writer.stop()
    time.sleep(1.0)
    stats = terminal.close()
    result.update(
        sent=sent, late=1000 * float(stats.get("late", float("nan"))), got=float(stats.get("reports", 0))
    )
    return result


def idle_cpu(run: Path, seconds: float) -> float:
    terminal = Terminal("ours", run)
    terminal.wait("t0", timeout=20)
    time.sleep(4.0)
    begun, cpu = time.perf_counter(), terminal.cpu()
    time.sleep(seconds)
    share = 100 * (terminal.cpu() - cpu) / (time.perf_counter() - begun)
    terminal.close()
    return share


def opening(run: Path) -> tuple[float, float, float]:
    """Return seconds to the first paint with trials, to the whole, and the memory then."""
    terminal = Terminal("ours", run)
    first = terminal.wait(r"t0\d\d\d")
    whole = terminal.wait("finished", timeout=120)
    time.sleep(1.0)
    memory = terminal.memory()
    terminal.close()
    nan = float("nan")
    return (first or nan) - terminal.begun, (whole or nan) - terminal.begun, memory


def charts() -> tuple[float, float]:
    """Return milliseconds for a front of 5,000 points at 120×40, and for a heat map of 100 classes by 100 epochs."""
    from rich.style import Style

    from tui.charts.classes import class_map
    from tui.charts.frame import Frame
    from tui.charts.front import front
    from tui.look import DARK, Palette
    from tui.store import Store
    from tui.synthetic import Synthetic
    from tui.view import View

    world = Synthetic(trials=5000, epochs=1, classes=10, exact=False)
    store = Store(world.record)
    store.apply(list(world.events()))
    palette = Palette(DARK, Style())
    frame = Frame(store, View(cursor="t0003"), 120, 40, ids=list(store.state.trials))
    small = Synthetic(trials=1, epochs=100, classes=100, exact=False)
    store_b = Store(small.record)
    store_b.apply(list(small.events()))
    reports = {"t0000": [small.report("t0000", e) for e in range(1, 101)]}
    heat = Frame(store_b, View(cursor="t0000"), 130, 104, reports=reports)
    return _best(lambda: front(frame).rows(palette)), _best(lambda: class_map(heat).rows(palette))


def _best(call: Any) -> float:
    times = []
    for _ in range(15):
        begun = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument(
        "--only", nargs="*", default=[], help="start, big, idle, load, ssh, soak, charts, naive"
    )
    parser.add_argument("--child")
    parser.add_argument("--run", type=Path)
    parser.add_argument("--stats", type=Path)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.run, options.stats)
        return 0
    from tui.synthetic import Synthetic

    folder = Path(tempfile.mkdtemp(prefix="monitor-"))
    wanted = set(options.only or ["start", "big", "idle", "load", "ssh", "soak", "charts", "naive"])
    rows: list[tuple[str, str, str, bool | None]] = []

    def row(what: str, figure: float, unit: str, limit: float | None) -> None:
        met = None if limit is None else bool(figure <= limit)
        rows.append((what, f"{figure:,.2f} {unit}", "" if limit is None else f"≤ {limit:g} {unit}", met))
        print(*rows[-1], flush=True)

    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    try:
        if wanted & {"start", "idle"}:
            Synthetic(trials=40, epochs=10, classes=10).write(folder / "small")
        if "start" in wanted:
            times = []
            for _ in range(5):
                terminal = Terminal("ours", folder / "small")
                painted = terminal.wait(r"t0\d\d\d")
                times.append((painted or float("nan")) - terminal.begun)
                terminal.close()
            row("cold start, best of 5", min(times), "s", 0.9)
        if "idle" in wanted:
            row("CPU, idle", idle_cpu(folder / "small", options.seconds), "%", 1.0)
        if "charts" in wanted:
            front_ms, heat_ms = charts()
            row("redraw 120×40, 5,000 points", front_ms, "ms", 8.0)
            row("heat map 100×100", heat_ms, "ms", 20.0)
        if "big" in wanted:
            Synthetic(trials=1000, epochs=200, classes=100, exact=False).write(folder / "big", reports=False)
            first, whole, memory = opening(folder / "big")
            row("200,000 reports: first paint", first, "s", 1.5)
            row("200,000 reports: whole", whole, "s", None)
            row("memory with 200,000 reports", memory, "MB", None)
        if "load" in wanted:
            ours = load_figures("ours", folder, 50, options.seconds)
            row("CPU at 50 reports/s", ours["cpu"], "%", 15.0)
            row("key → paint, p50", ours["p50"], "ms", 16.0)
            row("key → paint, p95", ours["p95"], "ms", 50.0)
            row("key → paint, max", ours["max"], "ms", 100.0)
            row("bytes a second, local", ours["bytes"], "KiB", 250.0)
            row("memory, 1,000 trials × 100 classes", ours["memory"], "MB", 120.0)
        if "ssh" in wanted:
            row(
                "bytes a second, SSH mode",
                load_figures("ours", folder, 50, options.seconds, ssh=True, press=0)["bytes"],
                "KiB",
                60.0,
            )
        if "soak" in wanted:
            soak = load_figures("ours", folder, 500, 2 * options.seconds, press=0)
            known = 2 * 4 + 996 * 4
            row("500 reports/s: lost", soak["sent"] + known - soak["got"], "", 0.0)
            row("500 reports/s: latest", soak["late"], "ms", 1000.0)
            row("500 reports/s: CPU", soak["cpu"], "%", None)
        if "naive" in wanted:
            naive = load_figures("naive", folder, 50, options.seconds)
            row("naive: CPU at 50 reports/s", naive["cpu"], "%", None)
            row("naive: key → paint, p50", naive.get("p50", float("nan")), "ms", None)
            row("naive: key → paint, p95", naive.get("p95", float("nan")), "ms", None)
            row("naive: key → paint, max", naive.get("max", float("nan")), "ms", None)
            row("naive: bytes a second", naive["bytes"], "KiB", None)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\nload average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    width = max(len(what) for what, *_ in rows)
    for what, figure, limit, met in rows:
        print(
            f"{what:<{width}}  {figure:>14}  {limit:>12}  {'' if met is None else 'met' if met else 'MISSED'}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
