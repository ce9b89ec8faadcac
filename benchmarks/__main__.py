"""Measures and writes RESULTS.md: `uv run python -m benchmarks [SECTION ...]`; all sections if none is named.

A section that is not measured keeps its last results from this machine. `--quick` measures nothing: in seconds, it
checks the equalities on which the comparisons rest.
"""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kdtune.bytecode import compile_once, keep_bytecode
from kdtune.files import cache_dir

HERE = Path(__file__).parent
SECTIONS = ("truth", "verdicts", "levers", "front", "sweeps", "epoch", "streams", "start", "scale", "memory")


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").strip())
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"what to measure: {', '.join(SECTIONS)}"
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of real data sets")
    parser.add_argument(
        "--only",
        nargs="*",
        default=[],
        metavar="NAME",
        help="only sweeps, streams and data whose names begin like this",
    )
    parser.add_argument("--small", action="store_true", help="smaller sweeps, for when an hour is too long")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each of kdtune's sweeps")
    parser.add_argument("--others", type=int, default=1, help="runs of each sweep by hand")
    parser.add_argument("--peers", type=int, default=1, help="runs of each sweep by its peers")
    parser.add_argument("--quick", action="store_true", help="check the equalities, time nothing")
    options = parser.parse_args()
    keep_bytecode()  # for both sides of a comparison
    compile_once()
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))} (known: {', '.join(SECTIONS)})")
    if options.quick:
        from benchmarks.quick import check

        for line in check(options.data):
            print(line)
        return 0
    for section in options.sections or SECTIONS:
        print(section, file=sys.stderr, flush=True)
        _measure(section, options)
    (HERE / "RESULTS.md").write_text(_results(), encoding="utf-8")
    return 0


def _measure(section: str, options: argparse.Namespace) -> None:
    began = time.time()
    load = os.getloadavg()[0]

    def keep(found: list[dict[str, Any]]) -> None:
        """Write what is measured so far, so that an interrupted run is not wasted."""
        content = {"found": found, "began": began, "seconds": time.time() - began, "load": load}
        path = _stored(section)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")

    if section == "front":
        from benchmarks import front

        outcomes = {_key(o): o for o in _kept(section)["found"]} if options.only else {}
        for outcome in front.measure(front.Sizes(), options.data, options.only):
            outcomes[_key(outcome)] = outcome
            keep(list(outcomes.values()))
    elif section in ("truth", "verdicts", "levers"):
        from benchmarks.truth import levers, verdicts
        from benchmarks.truth import section as truth

        banks = {o["data"]: o for o in _kept(section)["found"]} if options.only else {}
        measures = {"truth": truth.measure, "verdicts": verdicts.measure, "levers": levers.measure}
        for outcome in measures[section](options.data, options.only):
            banks[outcome["data"]] = outcome
            keep(list(banks.values()))
    elif section in ("start", "scale", "memory"):
        from benchmarks import memory, scale, start

        cells: list[dict[str, Any]] = []
        for cell in {"start": start, "scale": scale, "memory": memory}[section].measure():
            cells.append(cell)
            keep(cells)
    else:
        from benchmarks import epoch, streams, sweeps

        found = {w["name"]: w for w in _kept(section)["found"]} if options.only else {}
        ways: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
            "epoch": lambda: epoch.measure(options.data, options.only),
            "streams": lambda: streams.measure(options.data, options.only, small=options.small),
            "sweeps": lambda: sweeps.measure(
                options.data,
                options.only,
                small=options.small,
                repeats=options.repeats,
                others=options.others,
                peers_runs=options.peers,
            ),
        }
        for measured in ways[section]():
            found[measured["name"]] = measured
            keep(list(found.values()))


def _key(outcome: dict[str, Any]) -> tuple[str, ...]:
    """Return what tells an outcome from the others: its data, and its way to search or what else was found."""
    if "method" in outcome:
        return outcome["data"], outcome["sampler"], outcome["method"]
    return outcome["data"], *sorted(outcome)


def _stored(section: str) -> Path:
    return cache_dir() / "benchmarks" / "results" / f"{section}.json"


def _kept(section: str) -> dict[str, Any]:
    path = _stored(section)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"found": []}


def _results() -> str:
    from benchmarks import epoch, front, memory, scale, start, streams
    from benchmarks import sweeps_section as sweeps
    from benchmarks.truth import levers_section as levers
    from benchmarks.truth import section as truth
    from benchmarks.truth import verdicts_section as verdicts

    spread = {
        w["name"]: {m: streams.deviation(w, m) for m in streams.METRICS} for w in _kept("streams")["found"]
    }

    reports: dict[str, tuple[str, Callable[[Any], str], str]] = {
        "truth": ("Whether a front holds", truth.report, truth.TEXT),
        "verdicts": ("Whether the last line holds", verdicts.report, verdicts.TEXT),
        "levers": ("Levers beside T and α", levers.report, levers.TEXT),
        "front": ("To the same front", front.report, front.TEXT),
        "sweeps": ("Whole sweeps", lambda found: sweeps.report(found, spread), sweeps.TEXT),
        "epoch": ("An epoch", epoch.report, epoch.TEXT),
        "streams": ("Streams of batches", streams.report, streams.TEXT),
        "start": ("Start", start.report, start.TEXT),
        "scale": ("Scale", scale.report, scale.TEXT),
        "memory": ("Memory", memory.report, memory.TEXT),
    }
    parts = ["# Results", "Written by `uv run python -m benchmarks`. " + _machine()]
    written = _written()
    for section, (title, report, text) in reports.items():
        kept = _kept(section)
        if kept["found"]:
            parts += [f"## {title}", text, _when(kept), report(kept["found"]).strip()]
        elif title in written:
            parts += [f"## {title}", written[title]]
    return "\n\n".join(parts) + "\n"


def _written() -> dict[str, str]:
    """Return the sections of RESULTS.md by title: those that were never measured on this machine stay as they are."""
    path = HERE / "RESULTS.md"
    parts = path.read_text(encoding="utf-8").split("\n## ")[1:] if path.exists() else []
    return {title: body.strip() for title, _, body in (part.partition("\n") for part in parts)}


def _when(kept: dict[str, Any]) -> str:
    day = datetime.datetime.fromtimestamp(kept["began"], datetime.UTC).strftime("%Y-%m-%d %H:%M")
    return (
        f"Measured {day} UTC in {kept['seconds'] / 60:.0f} minutes; load average before: {kept['load']:.1f}."
    )


def _machine() -> str:
    import psutil

    from kdtune.sweep.calibration.precision import _cpu_name

    names = ("torch", "ray", "optuna", "fairlearn")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    return (
        f"Machine: {len(os.sched_getaffinity(0))} cores of {_cpu_name()}, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GB, {platform.system()}, no GPU; "
        f"Python {platform.python_version()}, {versions}."
    )


if __name__ == "__main__":
    sys.exit(main())
