"""Sweeps, exports and studies as Python calls, with the options of the commands."""

import contextlib
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from kdtune.errors import InputError, SweepError, expect, expect_texts
from kdtune.files import current_folder
from kdtune.output import narrate, quieted
from kdtune.runs.finding import create_run
from kdtune.runs.lock import check_idle
from kdtune.runs.paths import RunFiles, runs_dir
from kdtune.runs.reader import Run, open_run
from kdtune.runs.records import RunRecord
from kdtune.space.reading import Space, parse_space, plain_values, read_space
from kdtune.sweep.driver import SweepRequest, run_sweep
from kdtune.terminal.following import followed
from kdtune.torch_defaults import torch_defaults
from kdtune.trackers.feed import lines_about
from kdtune.user_code import check_named

if TYPE_CHECKING:
    from kdtune.data.dataset import Dataset
    from kdtune.student.student import Student

_A_RUN = "a run, its name or its path"

RunLike = str | Path | Run
"""A run: its name, its path, or itself."""

SpaceLike = str | Path | Mapping[str, Any] | Space
"""A search space: a ready one's name, a YAML file, or its content."""


def search(
    space: SpaceLike | None = None,
    name: str | None = None,
    trials: int | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    *,
    data: "Dataset | None" = None,
    workers: int | None = None,
    gpus_per_trial: float | None = None,
    max_failures: int | None = None,
    keep: Literal["front", "all", "none"] | None = None,
    log: str | Sequence[str] = (),
    imports: str | Sequence[str] = (),
    address: str | None = None,
    resume: RunLike | None = None,
    warm_start: RunLike | None = None,
    directory: str | Path | None = None,
    progress: bool = True,
) -> Run:
    """Run a sweep in this process, wait for its end, and return the run.

    The sweep and its workers know what the calling program has registered: data sets, models, losses and measures. It
    may be called from a script, a notebook's cell, a thread or a coroutine (which it blocks). An interrupt (Ctrl-C, a
    notebook's stop button) reaches the main thread: the sweep stops after the current epochs, and at once on the second
    one.

    Args:
        space: a ready space's name (`default`), a YAML file, or its content.
        name: name of the run; by default the space's name and a number.
        trials, minutes, seed, workers, gpus_per_trial, max_failures, keep, log: replace those of the space.
        data: a data set in memory (`kdtune.data.from_arrays`, `from_dataframe`, …), instead of the space's `dataset`.
            The run keeps a copy in its folder, so that resuming and exporting it need nothing of this program.
        imports: modules that register data sets, models, losses or measures; workers import them too.
        address: address of a running Ray cluster (host:port).
        resume: a run that was stopped or killed, to go on with. Beside it `trials` and `minutes` replace those of the
            run, `imports`, `address`, `directory` and `progress` are as ever, and nothing else may be given.
        warm_start: an earlier run of the same data and protocol, whose trials the sampler is to know.
        directory: where runs are kept; by default `KDTUNE_RUNS`, or `./runs`.
        progress: show what the sweep is doing: in a notebook below the cell, elsewhere as lines on standard error.

    Raises:
        KeyboardInterrupt: an interrupt has stopped the sweep; what was recorded is kept, and can be resumed.
        InputError: something that was asked for can't be used; nothing was trained, and nothing is left behind.
        SweepError: the sweep could not go on; what was recorded is kept.
    """
    base = _base(directory)
    _check_address(address)
    trials, minutes = _budget(trials, minutes)
    trackers = expect_texts("log", log, "the name of a tracker, or a list of names,") or None
    if resume is not None:
        given = {
            "space": space, "name": name, "seed": seed, "data": data, "workers": workers, "keep": keep,
            "gpus_per_trial": gpus_per_trial, "max_failures": max_failures, "warm_start": warm_start, "log": trackers,
        }  # fmt: skip
        modules = _modules(imports)
        files = _resumed(resume, base, "sweep", given, modules)
        request = SweepRequest(files, None, address=address, imports=modules, trials=trials, minutes=minutes)
        return _followed(request, progress)
    for key, number in {"seed": seed, "workers": workers, "max_failures": max_failures}.items():
        if number is not None:
            expect(key, number, Integral, "a whole number")
    if gpus_per_trial is not None:
        expect("gpus_per_trial", gpus_per_trial, Real, "a number")
    changes = {
        "budget.trials": trials,
        "budget.minutes": minutes,
        "seed": seed,
        "resources.workers": workers,
        "resources.gpus_per_trial": gpus_per_trial,
        "resources.max_failures": max_failures,
        "keep": keep,
        "log": trackers,
    }
    known = None if warm_start is None else _files(warm_start, base).root.resolve()

    def make(files: RunFiles, asked: Space) -> SweepRequest:
        return SweepRequest(files, asked, address=address, imports=_modules(imports), known_from=known)

    return _begun("default" if space is None else space, name, changes, data, base, make, progress)


def study(
    space: SpaceLike | None = None,
    name: str | None = None,
    seed: int | None = None,
    *,
    data: "Dataset | None" = None,
    null: Literal["ratio", "difference", "raw"] | None = None,
    workers: int | None = None,
    imports: str | Sequence[str] = (),
    address: str | None = None,
    resume: RunLike | None = None,
    directory: str | Path | None = None,
    progress: bool = True,
) -> "Studied":
    """Run a study in this process: train its models, judge them on test, write tables and figures.

    Args:
        space: a ready space's name (`study`), a YAML file, or its content.
        null: what is equal for a class that is not affected; by default what the space says.
        name, seed, data, workers, imports, address, directory, progress: as for `search`.
        resume: a study that was stopped or killed, to go on with; one that has ended is judged again, for example with
            another `null`.

    Raises:
        KeyboardInterrupt, InputError, SweepError: as for `search`.
    """
    from kdtune.report.study.command import conclude_study
    from kdtune.report.study.question import check_individual
    from kdtune.report.study.record import as_record
    from kdtune.report.study.statistics.significance import Null

    base = _base(directory)
    _check_address(address)
    if null is not None and null not in get_args(Null):
        raise InputError(f"null: {null!r} is none of {', '.join(get_args(Null))}")
    if resume is not None:
        given = {"space": space, "name": name, "seed": seed, "data": data, "workers": workers}
        modules = _modules(imports)
        files = _resumed(resume, base, "study", given, modules)
        request = SweepRequest(files, None, address=address, imports=modules, kind="study")
        run = _followed(request, progress)
    else:
        changes = {"seed": seed, "resources.workers": workers}

        def make(files: RunFiles, asked: Space) -> SweepRequest:
            as_study = asked.as_study()
            assert as_study.study is not None
            check_individual(as_study.study.individual)
            return SweepRequest(files, as_study, address=address, imports=_modules(imports), kind="study")

        run = _begun("study" if space is None else space, name, changes, data, base, make, progress)
    with quieted(not progress), torch_defaults():
        found, asked, out, _ = conclude_study(run.path, null=null, imports=_modules(imports))
    return Studied(run, out, as_record(found, asked))


def export(
    run: RunLike | None = None,
    *,
    pick: str | Sequence[str] = (),
    out: str | Path | None = None,
    replicates: int = 0,
    raw: bool = False,
    onnx: bool = False,
    torch_export: bool = False,
    imports: str | Sequence[str] = (),
    address: str | None = None,
    directory: str | Path | None = None,
    progress: bool = True,
) -> "Exported":
    """Evaluate a run's front on test, once, and write its students with tables, figures and a report.

    Args:
        run: default: the newest.
        pick: `knee`, a bound (`accuracy>=0.9`), an id (`t0003`), or a number; several; by default the whole front.
        out: folder to write, absent or empty; by default `export` in the run.
        replicates: train the front with so many more seeds, and choose among all these students.
        raw: the front of the values on validation alone, not corrected by training examples.
        onnx, torch_export: write each student in these formats too.
        imports, address, directory: as for `search`.
        progress: say on standard error what is done.

    Raises:
        InputError: the run, the folder or a pick can't be used; nothing was written.
        KdtuneError: a written student does not give what was measured, or the folder can't be written; nothing is kept.
    """
    from kdtune.report.export.run import ExportRequest, run_export
    from kdtune.report.export.tables import findings_record

    base = _base(directory)
    _check_address(address)
    if run is not None:
        expect("run", run, (str, Path, Run), _A_RUN)
    if out is not None:
        expect("out", out, (str, Path), "the folder to write")
    expect("replicates", replicates, Integral, "a whole number")
    request = ExportRequest(
        run=run.path if isinstance(run, Run) else run,
        runs_dir=base,
        out=None if out is None else Path(os.path.expanduser(out)).absolute(),
        pick=expect_texts("pick", pick, "'knee', a bound, an id or a number, as a text or a list of texts,"),
        replicates=int(replicates),
        address=address,
        imports=_modules(imports),
        torch_export=torch_export,
        onnx=onnx,
        raw=raw,
    )
    with quieted(not progress), torch_defaults():
        folder, findings = run_export(request)
    return Exported(folder, findings.exported, findings.first_exported, findings_record(findings))


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes:
        path: its folder, with `report.html`.
        students: ids of those that have a folder there.
        first: the student that the report speaks of first.
        record: what was found, as `kdtune export --json` prints it.
    """

    path: Path
    students: tuple[str, ...]
    first: str
    record: Mapping[str, Any]

    def student(self, student_id: str | None = None) -> "Student":
        """Load a student; by default the one that the report speaks of first."""
        from kdtune.student.student import load_student

        if student_id is not None:
            expect("student_id", student_id, str, f"the id of a student ({', '.join(self.students)})")
        return load_student(self.path / (student_id or self.first))


@dataclass(frozen=True)
class Studied:
    """What a study found.

    Attributes:
        run: its run.
        path: the folder with tables, figures and `report.html`.
        record: what was found, as `kdtune study --json` prints it.
    """

    run: Run
    path: Path
    record: Mapping[str, Any]


def _begun(
    space: SpaceLike,
    name: str | None,
    changes: Mapping[str, Any],
    data: "Dataset | None",
    base: Path,
    make: Callable[[RunFiles, Space], SweepRequest],
    progress: bool,
) -> Run:
    """Begin a run with what is asked for, wait for its end, and return it."""
    resolved, stem = _resolved(space, {key: v for key, v in changes.items() if v is not None}, data)
    files = create_run(base, name, stem)
    try:
        if data is not None:
            from kdtune.data import save

            kept = {"dataset": {"name": "saved", "path": str(save(data, files.data))}}
            resolved = parse_space({**resolved.to_dict(), **kept}, stem)
        return _followed(make(files, resolved), progress)
    finally:
        if not files.record.exists():
            _discard(files.root)


def _resolved(space: SpaceLike, changes: Mapping[str, Any], data: "Dataset | None") -> tuple[Space, str]:
    """Return the space with what replaces its values, and its short name."""
    stem = "search"
    kept = {} if data is None else {"dataset": {"name": "saved", "path": "data"}}
    if isinstance(space, Mapping) and not space:
        raise InputError(
            "space: the mapping is empty: leave space out for the default one, or say what to search"
        )
    if isinstance(space, str | Path):
        resolved, stem = read_space(str(space), [f"{key}={json.dumps(value)}" for key, value in kept.items()])
    elif isinstance(space, Space):
        resolved = space
    elif isinstance(space, Mapping):
        resolved = parse_space(plain_values({**space, **kept}), "space")
    else:
        raise InputError(f"space: {type(space).__name__} is no space: give a name, a file or a mapping")
    content = resolved.to_dict()
    for key, value in plain_values(changes).items():
        *sections, last = key.split(".")
        (content[sections[0]] if sections else content)[last] = value
    return parse_space(content, stem).with_absolute_paths(), stem


def _followed(request: SweepRequest, progress: bool) -> Run:
    files = request.files
    with followed(files) if progress else contextlib.nullcontext():
        run_sweep(request)
    if not files.record.exists():
        raise SweepError(f"{files.name} was asked to stop before it began: nothing is kept")
    for line in lines_about(files):
        narrate(line)
    return Run(files)


def _modules(imports: str | Sequence[str]) -> Sequence[str]:
    return expect_texts("imports", imports, "the name of a module, or a list of names")


def _budget(trials: int | None, minutes: float | None) -> tuple[int | None, float | None]:
    """Return a budget as Python's numbers; one that can't replace that of a run is refused before it is written."""
    if trials is not None and (isinstance(trials, bool) or not isinstance(trials, Integral) or trials < 1):
        raise InputError(f"trials must be a whole number above 0, not {trials!r}")
    if minutes is not None and (
        isinstance(minutes, bool) or not isinstance(minutes, Real) or not 0 < minutes < math.inf
    ):
        raise InputError(f"minutes must be a number above 0, not {minutes!r}")
    return None if trials is None else int(trials), None if minutes is None else float(minutes)


def _resumed(
    run: RunLike, base: Path, kind: str, given: Mapping[str, Any], imports: Sequence[str]
) -> RunFiles:
    """Return a run to go on with.

    Raises:
        InputError: it is of another kind, it is at work, something is given that was settled when it began, or a module
            that it needs is not named.
    """
    files = _files(run, base)
    settled = [key for key, value in given.items() if value is not None]
    if settled:
        raise InputError(f"resume goes on with what the run was asked for: leave out {', '.join(settled)}")
    record = RunRecord.read(files.record)
    if record.kind != kind:
        call = "study" if record.kind == "study" else "search"
        raise InputError(f"run {files.name!r} is a {record.kind}: kdtune.{call}(resume={files.name!r})")
    check_idle(files)
    check_named(record.imports, imports, str(files.record))  # as `kdtune.launch` does
    files.stop_request.unlink(missing_ok=True)  # it was for an earlier driver
    return files


def _files(run: RunLike, base: Path) -> RunFiles:
    expect("run", run, (str, Path, Run), _A_RUN)
    return run.files if isinstance(run, Run) else open_run(run, runs_dir=base).files


def _base(directory: str | Path | None) -> Path:
    """Return the folder that holds runs, as an absolute path: the program may change its current one."""
    if directory is not None:
        expect("directory", directory, (str, Path), "the folder that holds runs")
    return current_folder() / runs_dir(directory)


def _check_address(address: str | None) -> None:
    if address is not None:
        expect("address", address, str, "the address of a Ray cluster, host:port,")


def _discard(folder: Path) -> None:
    """Remove the folder of a run that was refused before it began."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
