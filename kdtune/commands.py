"""What each command does with its options: a thin layer over other packages, which are imported only when needed."""

import argparse

from kdtune.errors import InputError
from kdtune.output import narrate, print_data


def search(options: argparse.Namespace) -> int:
    """Begin a sweep, or go on with one, and follow it; return the exit code."""
    from kdtune.launch import launch

    return launch(options)


def watch(options: argparse.Namespace) -> int:
    """Open the monitor on a run; return the exit code."""
    import gc

    gc.disable()  # while modules load there is nothing to collect; the monitor enables it when the run is read
    from kdtune.monitor import watch

    return watch(
        options.target,
        runs_dir=options.runs_dir,
        replay=options.replay,
        speed=options.speed,
        readonly=options.readonly,
        ascii=options.ascii,
        serve=options.serve,
        allow_stop=options.allow_stop,
        theme=options.theme,
    )


def status(options: argparse.Namespace) -> int:
    """Print where a run stands, and the GPUs that it computes on here; return the exit code."""
    from kdtune.gpus import gpus_of, nvml
    from kdtune.runs.lock import signer_lives
    from kdtune.runs.reader import open_run
    from kdtune.runs.summary import summarise
    from kdtune.terminal.console import print_summary

    run = open_run(options.target, runs_dir=options.runs_dir, raw=options.raw)
    summary = summarise(run)
    print_summary(run, as_json=options.json, summary=summary)
    if options.json:
        return 0
    if summary.status.state in ("lost", "stopped", "failed"):
        narrate(f"go on with: {run.resuming}")
    if signer_lives(run.files):  # it computes on this machine
        for k, gpu in enumerate(gpus_of(nvml())):
            print_data(f"GPU {k}: {gpu.words}")
    return 0


def export(options: argparse.Namespace) -> int:
    """Write a run's students and the report; return the exit code."""
    from kdtune.report.export.command import export

    return export(options)


def evaluate(options: argparse.Namespace) -> int:
    """Evaluate a student on labelled examples; return the exit code."""
    from kdtune.report.evaluate.command import evaluate

    return evaluate(options)


def predict(options: argparse.Namespace) -> int:
    """Write a student's answer to each example; return the exit code."""
    from kdtune.report.evaluate.command import predict

    return predict(options)


def study(options: argparse.Namespace) -> int:
    """Begin a study, or go on with one, and write its tables and figures; return the exit code."""
    from kdtune.launch import launch_study

    return launch_study(options)


def log(options: argparse.Namespace) -> int:
    """Hand what a run has recorded to trackers; return the exit code."""
    from kdtune.runs.finding import find_run
    from kdtune.trackers.feed import log_run

    files = find_run(options.target, options.runs_dir)
    for name in dict.fromkeys(options.to):
        print_data(log_run(files, name, again=options.again))
    return 0


def stop(options: argparse.Namespace) -> int:
    """Ask a run to stop; return the exit code."""
    from kdtune.runs.finding import find_run
    from kdtune.runs.lock import driver_seems_alive, request_stop, signer_lives
    from kdtune.runs.records import RunRecord

    files = find_run(options.target, options.runs_dir, recorded=False)
    is_prepared = not files.record.exists() and signer_lives(files)
    if not (is_prepared or driver_seems_alive(files)):
        raise InputError(f"run {files.name!r} is not running: there is nothing to stop")
    request_stop(files, "now" if options.now else "clean")
    if not files.record.exists():
        narrate(f"asked {files.name} to stop before it begins: nothing of it is kept")
        return 0
    resuming = RunRecord.read(files.record).resuming(files.argument)
    narrate(f"asked {files.name} to stop; go on with: {resuming}")
    return 0


def runs(options: argparse.Namespace) -> int:
    """List the runs, or delete some; return the exit code."""
    from kdtune.runs.paths import runs_dir
    from kdtune.terminal.console import print_runs

    if options.delete:
        from kdtune.terminal.deleting import delete_runs

        return delete_runs(options.delete, options.runs_dir, yes=options.yes, as_json=options.json)
    if options.yes:
        raise InputError("--yes answers what --delete asks: name a run with --delete RUN")
    print_runs(runs_dir(options.runs_dir), as_json=options.json)
    return 0


def compare(options: argparse.Namespace) -> int:
    """Print two runs beside each other; return the exit code."""
    from kdtune.runs.reader import open_run
    from kdtune.terminal.comparing import print_comparison

    first, second = (open_run(name, runs_dir=options.runs_dir) for name in (options.first, options.second))
    print_comparison(first, second, as_json=options.json)
    return 0


def spaces(options: argparse.Namespace) -> int:
    """List the ready search spaces, or print one; return the exit code."""
    from kdtune.terminal.console import print_spaces

    print_spaces(options.space, schema=options.schema, as_json=options.json)
    return 0


def models(options: argparse.Namespace) -> int:
    """List the models that are known by name; return the exit code."""
    from kdtune.terminal.models import print_models

    print_models(options.filter, as_json=options.json)
    return 0
