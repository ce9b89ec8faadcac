"""Measures the monitor in a real pseudo-terminal, 180×50, against the naive build in the same run; prints the targets.

python -m benchmarks.monitor [--rounds 3] [--seconds 10] [--write docs/monitor.md]
"""

import argparse
import json
import math
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.growing_run import GrowingRun
from benchmarks.pseudo_terminal import HEIGHT, WIDTH, Terminal, plain

NAN = float("nan")
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass(frozen=True)
class Row:
    """One figure: ours, its upper target, and the naive build's."""

    what: str
    unit: str
    ours: float
    target: float | None = None
    naive: float = NAN

    def cells(self) -> list[str]:
        ratio = self.naive / self.ours if self.ours else NAN
        return [
            self.what,
            _figure(self.ours, self.unit),
            "" if self.target is None else f"≤ {self.target:g} {self.unit}".strip(),
            "" if self.target is None else "met" if self.ours <= self.target else "**missed**",
            "" if math.isnan(self.naive) else _figure(self.naive, self.unit),
            "" if math.isnan(ratio) else f"{ratio:.1f}×",
        ]


def _figure(value: float, unit: str) -> str:
    if math.isnan(value):
        return "–"
    text = f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"
    return f"{text} {unit}".strip()


def child(kind: str, run: Path, stats: Path) -> None:
    """Be the monitor that is measured."""
    found: dict[str, Any] = {}
    if kind == "naive":
        from benchmarks.naive_monitor import Naive

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
    text = plain(b"".join(data for _, data in terminal.chunks[-400:]))
    hits = re.findall(title.encode(), text)
    return bytes(hits[-1]) if hits else b""


def _changed(terminal: Terminal, start: int, title: str, before: bytes) -> bool:
    text = plain(b"".join(data for _, data in terminal.chunks[start:]))
    hits = re.findall(title.encode(), text)
    return bool(hits) and hits[-1] != before


def load_figures(
    kind: str, path: Path, rate: float, seconds: float, *, ssh: bool = False, press: int = 40
) -> dict[str, float]:
    """Return CPU, bytes and key latency under a rate of reports."""
    writer = GrowingRun(path, rate).prepare(trials_done=0 if kind == "naive" else 996)
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
    result.update(sent=sent, late=1000 * float(stats.get("late", NAN)), got=float(stats.get("reports", 0)))
    return result


def idle_cpu(run: Path, seconds: float) -> float:
    terminal = Terminal("ours", run)
    terminal.wait("t0", timeout=20)
    time.sleep(6.0)
    begun, cpu = time.perf_counter(), terminal.cpu()
    time.sleep(seconds)
    share = 100 * (terminal.cpu() - cpu) / (time.perf_counter() - begun)
    terminal.close()
    return share


def opening(run: Path) -> tuple[float, float, float]:
    """Return the seconds to the first paint with trials, the seconds until all is read, and the memory then."""
    terminal = Terminal("ours", run)
    first = terminal.wait(r"t0\d\d\d")
    whole = terminal.wait("finished", timeout=120)
    time.sleep(1.0)
    memory = terminal.memory()
    terminal.close()
    return (first or NAN) - terminal.begun, (whole or NAN) - terminal.begun, memory


def charts() -> tuple[float, float, float]:
    """Return milliseconds for a front of 5,000 points at 120×40, ours and plotext's, and for a heat map 100×100."""
    import plotext
    from rich.style import Style

    from tui.charts.classes.accuracy_map import class_map
    from tui.charts.frame import Frame
    from tui.charts.front.scatter import front
    from tui.drawing.palette import DARK, Palette
    from tui.sources.synthetic import Synthetic
    from tui.state.store import Store
    from tui.state.view import View

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
    rows = store.rows(frame.ids)
    xs, ys = store.column(rows, "accuracy").tolist(), store.column(rows, "eod").tolist()

    def naive() -> None:
        plotext.clear_figure()
        plotext.plotsize(120, 40)
        plotext.scatter(xs, ys)
        plotext.build()

    return (
        _median(lambda: front(frame).rows(palette)),
        _median(naive),
        _median(lambda: class_map(heat).rows(palette)),
    )


def _median(call: Any) -> float:
    times = []
    for _ in range(15):
        begun = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times)


def measure(folder: Path, rounds: int, seconds: float, say: Callable[[Row], None]) -> None:
    """Run everything and call `say` with each row as soon as it is known."""
    from tui.sources.synthetic import Synthetic

    Synthetic(trials=40, epochs=10, classes=10).write(folder / "small")
    starts: dict[str, list[float]] = {"ours": [], "naive": [], "libraries": []}
    for _ in range(2 * rounds - 1):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import textual.app, numpy"], check=True)
        starts["libraries"].append(time.perf_counter() - begun)
        for kind, seen in (("ours", r"t0\d\d\d"), ("naive", "accuracy")):
            terminal = Terminal(kind, folder / "small", plainly=kind == "ours")
            starts[kind].append((terminal.wait(seen) or NAN) - terminal.begun)
            terminal.close()
    say(Row("cold start to the first paint", "s", *_with_target(starts, 0.9)))
    say(Row("of which Python, Textual and numpy", "s", statistics.median(starts["libraries"])))
    say(Row("CPU of one core, idle", "%", idle_cpu(folder / "small", seconds), 1.0))

    ours, naive = [], []
    for k in range(rounds):
        ours.append(load_figures("ours", folder / f"ours-{k}", 50, seconds))
        naive.append(load_figures("naive", folder / f"naive-{k}", 50, seconds))

    def both(what: str, unit: str, key: str, target: float) -> None:
        middle = [statistics.median(round_.get(key, NAN) for round_ in kind) for kind in (ours, naive)]
        say(Row(what, unit, middle[0], target, middle[1]))

    both("CPU of one core, 50 reports a second", "%", "cpu", 15.0)
    both("key to paint, median", "ms", "p50", 16.0)
    both("key to paint, 95th percentile", "ms", "p95", 50.0)
    both("key to paint, longest", "ms", "max", 100.0)
    both("written to the terminal a second", "KiB", "bytes", 250.0)
    over_ssh = load_figures("ours", folder / "ssh", 50, seconds, ssh=True, press=0)
    say(Row("written a second over SSH", "KiB", over_ssh["bytes"], 60.0))
    both("memory, 1,000 trials × 100 classes", "MB", "memory", 120.0)

    front, plotext, heat = charts()
    say(Row("redraw 5,000 points, 120×40", "ms", front, 8.0, plotext))
    say(Row("heat map of 100 classes × 100 epochs", "ms", heat, 20.0))

    Synthetic(trials=1000, epochs=200, classes=100, exact=False).write(folder / "big", reports=False)
    first, whole, memory = opening(folder / "big")
    say(Row("open 200,000 reports: first paint", "s", first, 1.5))
    say(Row("open 200,000 reports: all read", "s", whole))
    say(Row("memory with 200,000 reports", "MB", memory))

    soak = load_figures("ours", folder / "soak", 500, 2 * seconds, press=0)
    known = (996 + 2) * 4  # the epochs that the run begins with
    say(
        Row(
            f"500 reports a second ({soak['sent']:,.0f} of them): lost",
            "",
            soak["sent"] + known - soak["got"],
            0.0,
        )
    )
    say(Row("500 reports a second: the latest was shown after", "ms", soak["late"], 1000.0))
    say(Row("500 reports a second: CPU of one core", "%", soak["cpu"]))


def _with_target(times: dict[str, list[float]], target: float) -> tuple[float, float, float]:
    return statistics.median(times["ours"]), target, statistics.median(times["naive"])


def machine(before: float) -> str:
    """Return what the figures were measured on."""
    names = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")]
    return (
        f"{os.cpu_count()} cores ({names[0] if names else platform.machine()}), "
        f"load average {before:.1f} before and {os.getloadavg()[0]:.1f} after, {_priority()}"
        f"Python {platform.python_version()}, Textual {version('textual')}, "
        f"textual-plotext {version('textual-plotext')}; pseudo-terminal of {WIDTH}×{HEIGHT}"
    )


def _priority() -> str:
    if os.sched_getscheduler(0) == os.SCHED_OTHER:
        return ""
    return "run at real-time priority: other processes wait for either build, "


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def markdown(rows: list[Row], where: str, rounds: int) -> str:
    lines = [
        "| | kdtune | target | | naive build | naive ÷ kdtune |",
        "|---|--:|--:|---|--:|--:|",
        *("| " + " | ".join(row.cells()) + " |" for row in rows),
        "",
        f"Measured on {where}. Where the naive build has a figure, both took turns in {rounds} rounds; "
        "the figures are medians.",
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--write", type=Path, help="put the table into this document, between its two marks")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--stats", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.run, options.stats)
        return 0
    load = os.getloadavg()[0]
    rows: list[Row] = []

    def say(row: Row) -> None:
        rows.append(row)
        print("  ".join(filter(None, row.cells())), flush=True)

    folder = Path(tempfile.mkdtemp(prefix="monitor-"))
    try:
        measure(folder, options.rounds, options.seconds, say)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    table = markdown(rows, machine(load), options.rounds)
    print("\n" + table)
    if options.write is not None:
        text = options.write.read_text(encoding="utf-8")
        before, after = text.partition(BEGIN)[0], text.partition(END)[2]
        options.write.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")
    return 1 if any(row.target is not None and not row.ours <= row.target for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
