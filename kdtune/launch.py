"""Starts a sweep or a study in a process of its own, follows its run directory, and says how it ends."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from kdtune.bytecode import compile_once
from kdtune.errors import InputError
from kdtune.files import open_regular
from kdtune.idle_threads import limit_spinning
from kdtune.output import narrate, print_data
from kdtune.runs.events import StateReader, read_state
from kdtune.runs.finding import check_name, create_run, find_run
from kdtune.runs.jsonl import open_to_append
from kdtune.runs.lock import busy, check_idle, request_stop
from kdtune.runs.paths import RunFiles, check_no_links, runs_dir
from kdtune.runs.reader import open_run
from kdtune.runs.records import FINAL, NOT_RESUMED, RunRecord
from kdtune.runs.state import RunState
from kdtune.runs.summary import summarise
from kdtune.space.questions import check_question
from kdtune.space.reading import Space, read_space
from kdtune.sweep.remote.cluster import prepare_environment
from kdtune.sweep.remote.fork_server import ALONE
from kdtune.terminal.console import print_json, print_summary
from kdtune.terminal.progress import Progress
from kdtune.text import plain
from kdtune.trackers.feed import lines_about
from kdtune.user_code import check_named

_POLL_SECONDS = 0.2
_TAIL_BYTES = 1 << 16
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
_OPTIONS = {"space": "SPACE", "known_from": "--from"}
"""How options are written that are not called as their values are."""


def launch(options: argparse.Namespace) -> int:
    """Run `kdtune search`: check the space, start the driver, follow it, print the front; return the exit code."""

    def conclude(files: RunFiles) -> Callable[[], None]:
        run = open_run(files.root)
        return partial(print_summary, run, as_json=options.json, summary=summarise(run))

    return _launch(options, "sweep", conclude)


def launch_study(options: argparse.Namespace) -> int:
    """Run `kdtune study`: like a search, with tables and figures at its end; return the exit code."""

    def conclude(files: RunFiles, *, evaluate: bool = True) -> None:
        from kdtune.report.study.command import report_study  # it imports torch, which takes seconds

        report_study(
            files.root, null=options.null, imports=options.imports, as_json=options.json, evaluate=evaluate
        )

    if options.figures_only is not None:
        if options.space is not None or options.resume is not None:
            raise InputError("--figures-only draws an existing run: leave out SPACE and --resume")
        conclude(find_run(options.figures_only or None, options.runs_dir), evaluate=False)
        return 0
    return _launch(options, "study", lambda files: partial(conclude, files))


Conclude = Callable[[RunFiles], Callable[[], None]]
"""Computes what is to be said of a run at its end, and returns the function that says it."""


def _launch(options: argparse.Namespace, kind: str, conclude: Conclude) -> int:
    dry = getattr(options, "dry_run", False)
    asked_from = getattr(options, "known_from", None)
    known = None if asked_from is None else find_run(asked_from, options.runs_dir)
    if options.resume is not None:
        if dry:
            raise InputError("--dry-run is of a new sweep: leave out --resume")
        files, space = _resumed(options, kind), None
        compile_once()
    else:
        space, stem = _space(options, kind)
        check_named(space.imports, options.imports, options.space or stem)
        check_question(space, options.imports)
        if dry:
            if options.name is not None:
                check_name(runs_dir(options.runs_dir), options.name)
            return _print_dry_run(space, options, known)
        compile_once()  # it takes seconds: a Ctrl-C meanwhile leaves no run behind
        files = create_run(runs_dir(options.runs_dir), options.name, stem)
    request = {
        "run": str(files.root.resolve()),
        "space": None if space is None else space.with_absolute_paths().to_dict(),
        "address": options.address,
        "imports": options.imports,
        "trials": getattr(options, "trials", None),
        "minutes": getattr(options, "minutes", None),
        "kind": kind,
        "known_from": None if known is None else str(known.root.resolve()),
    }
    driver = _start(files, request)
    plainly = options.headless or options.json or options.quiet
    in_terminal = sys.stdout.isatty() and sys.stderr.isatty() and not plainly
    state = _follow(files, driver, plain=not in_terminal, until_recorded=in_terminal)
    if in_terminal and driver.poll() is None:
        from kdtune.monitor import watch

        watch(files.root)
        if driver.poll() is None and read_state(files.events).state not in FINAL:
            narrate(f"the {kind} goes on; watch it again: kdtune watch {files.argument}")
            narrate(f"stop it: kdtune stop {files.argument}")
            return 0
        state = read_state(files.events)
    return _conclude(files, driver, state, kind, conclude)


def _print_dry_run(space: Space, options: argparse.Namespace, known: RunFiles | None) -> int:
    from kdtune.sweep.dry_run import dry_run

    asked = space.with_absolute_paths()
    asked = asked.model_copy(update={"imports": list(dict.fromkeys([*asked.imports, *options.imports]))})
    source = None if known is None else known.root
    found = dry_run(asked, runs_dir(options.runs_dir), address=options.address, known_from=source)
    if options.json:
        print_json(asdict(found))
    else:
        for line in found.lines():
            print_data(plain(line))
    return 0


def _space(options: argparse.Namespace, kind: str) -> tuple[Space, str]:
    overrides = list(options.set)
    keys = {
        "trials": "budget.trials",
        "minutes": "budget.minutes",
        "seed": "seed",
        "workers": "resources.workers",
        "gpus_per_trial": "resources.gpus_per_trial",
        "max_failures": "resources.max_failures",
        "keep": "keep",
        "log": "log",
        "null": "study.null_is",
    }
    for name, key in keys.items():
        value = getattr(options, name, None)
        if value not in (None, []):
            overrides.append(f"{key}={value}")
    space, stem = read_space(options.space or {"sweep": "default", "study": "study"}[kind], overrides)
    if kind == "study":
        space = space.as_study()
        assert space.study is not None
        from kdtune.report.study.question import check_individual

        check_individual(space.study.individual)
        for warning in space.study.warnings:
            narrate(warning)
    return space, stem


def _resumed(options: argparse.Namespace, kind: str) -> RunFiles:
    files = find_run(options.resume, options.runs_dir)
    record = RunRecord.read(files.record)
    if record.kind != kind:
        raise InputError(f"run {files.name!r} is a {record.kind}: {record.resuming(files.argument)}")
    fixed = (
        "space",
        "set",
        "name",
        "seed",
        "workers",
        "gpus_per_trial",
        "max_failures",
        "keep",
        "log",
        "known_from",
    )
    given = [name for name in fixed if getattr(options, name, None) not in (None, [])]
    if given:
        raise InputError(
            "--resume goes on with what the run was asked for (--trials and --minutes may change): leave out "
            + ", ".join(_OPTIONS.get(name, "--" + name.replace("_", "-")) for name in given)
        )
    check_idle(files)
    check_no_links(files)
    # A driver would refuse them too, but would record that the run has failed, though it may have finished.
    check_named(record.imports, options.imports, str(files.record))
    return files


def _start(files: RunFiles, request: dict[str, Any]) -> "subprocess.Popen[bytes]":
    """Start the driver as the leader of its own session, so that neither Ctrl-C nor a closed terminal reaches it."""
    prepare_environment()
    limit_spinning()
    files.stop_request.unlink(missing_ok=True)  # it was for an earlier driver
    with open_to_append(files.log) as log:
        driver = subprocess.Popen(
            [sys.executable, "-P", "-m", "kdtune.sweep"],  # -P: no modules from the current folder
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={
                **ALONE,
                **os.environ,
                "PYTHONUNBUFFERED": "1",
                "PYTHONIOENCODING": "utf-8:backslashreplace",
            },
        )
    assert driver.stdin is not None
    driver.stdin.write(json.dumps(request).encode())
    driver.stdin.close()
    return driver


def _follow(
    files: RunFiles, driver: "subprocess.Popen[bytes]", *, plain: bool, until_recorded: bool
) -> RunState:
    """Show progress until the run has finished or its driver ends, or until it is recorded and can be watched.

    Ctrl-C is passed on as a request to stop.
    """
    asked = 0

    def on_interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        request_stop(files, "now" if asked > 1 else "clean")
        narrate(
            "stopping after the current epochs; Ctrl-C again stops at once"
            if asked == 1
            else "stopping at once"
        )

    before = {number: signal.signal(number, on_interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    begun = files.events.stat().st_size if files.events.exists() else 0
    events = StateReader(files.events)
    state, was_at_work = events.state, False
    try:
        with Progress(files, plain=plain) as progress:
            _import_for_summary()
            while True:
                ended = driver.poll() is not None
                events.update()
                if events.tail.offset > begun:
                    progress.show(state)
                    was_at_work |= state.state not in FINAL  # a run that is resumed had finished before
                ended |= was_at_work and state.state == "finished"
                if ended or (until_recorded and events.tail.offset > begun and files.record.exists()):
                    return state
                time.sleep(_POLL_SECONDS)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _import_for_summary() -> None:
    """Import what the summary needs while the driver imports torch on another core: at its end, people wait for it."""
    import safetensors.numpy  # noqa: F401
    import scipy.special  # noqa: F401


def _conclude(
    files: RunFiles,
    driver: "subprocess.Popen[bytes]",
    state: RunState,
    kind: str,
    conclude: Conclude,
) -> int:
    # While the driver ends Ray, which takes about as long.
    say = conclude(files) if state.state == "finished" and files.record.exists() else None
    code = driver.wait()
    if not files.record.exists():  # refused before anything was trained: leave nothing behind
        message = state.message if state.state == "failed" else _log_tail(files.log)
        shutil.rmtree(files.root, ignore_errors=True)
        if state.state == "stopped" or code == EXIT_INTERRUPTED:
            narrate("stopped before it began: nothing is kept")
            return EXIT_INTERRUPTED
        raise _RefusedError(message or f"the driver {_how(code)}", code)
    name, resuming = files.name, RunRecord.read(files.record).resuming(files.argument)
    if code and state.message.startswith(NOT_RESUMED):
        raise _RefusedError(f"{name} stays as it was: {state.message}", code)
    for line in lines_about(files):
        narrate(line)
    if code == InputError.exit_code and state.state != "failed":
        raise busy(
            files
        )  # another driver took the run while this one was starting, and the events are from that driver
    if state.state not in FINAL and code == EXIT_INTERRUPTED:  # on a second request it ends without a word
        narrate(f"stopped at once; nothing recorded is lost; go on with: {resuming}")
        return EXIT_INTERRUPTED
    if state.state not in FINAL:
        narrate(
            f"the driver of {name} {_how(code)}; {_log_end(files.log)}nothing recorded is lost; go on with: {resuming}",
            error=True,
        )
        return EXIT_FAILED
    if state.state == "failed":
        raise _RefusedError(
            f"{name} failed: {state.message}\nlog: {files.log}; go on with: {resuming}",
            code,
        )
    if say is None and kind == "sweep":
        say = conclude(files)
    if say is not None:
        say()
    if state.state == "stopped":
        narrate(f"stopped; go on with: {resuming}")
        return EXIT_INTERRUPTED
    return 0


class _RefusedError(InputError):
    """The last message of a driver that ended, with its exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = code if code > 0 else EXIT_FAILED


def _how(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"


def _log_end(log: Path) -> str:
    """Return what a log ends with, under its name; nothing if it is empty."""
    tail = _log_tail(log)
    return f"the end of {log}:\n{tail}\n" if tail else ""


def _log_tail(log: Path, lines: int = 15) -> str:
    try:
        with open_regular(log) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.strip().splitlines()[-lines:]).removeprefix("kdtune: ")
