"""Drives a sweep from a checked space to a finished run directory."""

import contextlib
import importlib
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from kdtune.errors import DiskError, KdtuneError, RunError, SweepError, is_disk_error
from kdtune.runs.lock import driver_lock
from kdtune.runs.paths import RunFiles, baseline_id, check_no_links
from kdtune.runs.records import RunRecord
from kdtune.runs.writer import RunWriter
from kdtune.space.reading import Space, parse_space
from kdtune.sweep.liveness import Liveness
from kdtune.sweep.remote.cluster import Allotment, allot, connected, workers_now
from kdtune.user_code import check_named, import_modules

if TYPE_CHECKING:
    from kdtune.sweep.calibration.cohort_size import Fusing
    from kdtune.sweep.plan import Plan, Speed


@dataclass(frozen=True)
class Request:
    """A sweep or study to drive, or to go on with.

    Attributes:
        kind: `sweep` or `study`; that of the record where the run exists.
        address: of a running Ray cluster (host:port), or None for one of this machine's own.
        imports: the user's modules that register data sets and models.
        trials, minutes: replace the budget of a run that is resumed.
    """

    files: RunFiles
    space: Space | None
    address: str | None = None
    imports: Sequence[str] = ()
    trials: int | None = None
    minutes: float | None = None
    kind: str = "sweep"

    @property
    def resumes(self) -> bool:
        """Tell whether the run exists already."""
        return self.space is None


def run_sweep(request: Request) -> None:
    """Drive a sweep to its end; everything is recorded in the run directory as it happens.

    Raises:
        InputError: something that was asked for can't be used; nothing was trained.
        SweepError: it could not go on; what was recorded is kept.
        DiskError: the run can't be written; what was recorded is kept.
    """
    try:
        request.files.root.mkdir(parents=True, exist_ok=True)
        check_no_links(request.files)
        with driver_lock(request.files):
            _run(request)
    except DiskError:
        raise
    except OSError as error:
        if not is_disk_error(error):
            raise
        raise DiskError.of(error, error.filename or request.files.root) from error


def _run(request: Request) -> None:
    writer = RunWriter(request.files)
    liveness = Liveness(request.files)
    try:
        with liveness.watch():
            _drive(request, writer, liveness)
    except DiskError as error:
        with contextlib.suppress(DiskError):  # there may be room for these few bytes, or none
            writer.run_state("failed", str(error))
        raise
    except KdtuneError as error:
        if liveness.stopping():
            writer.run_state("stopped", str(error))
            return
        writer.run_state("failed", str(error))
        raise
    except BaseException as error:
        with contextlib.suppress(DiskError):
            writer.run_state("failed", f"{type(error).__name__}: {error}")
        raise
    finally:
        writer.close()


def _drive(request: Request, writer: RunWriter, liveness: Liveness) -> None:
    files = request.files
    record = RunRecord.read(files.record) if request.resumes else None
    space = request.space if record is None else _resumed_space(record, request)
    assert space is not None
    check_named(space.imports, request.imports, str(files.record) if request.resumes else "the search space")
    space = space.model_copy(update={"imports": list(dict.fromkeys([*space.imports, *request.imports]))})
    kind = request.kind if record is None else record.kind
    if kind == "study":
        space = space.as_study()
    # It takes seconds, in which this process would only wait for Ray. No other module: two threads that import what
    # Ray imports too could each wait for the other.
    threading.Thread(target=importlib.import_module, args=("torch",)).start()
    writer.run_state("preparing", "starting Ray")
    with connected(request.address):
        from kdtune.sweep.remote.worker_registry import open_desk

        import_modules(request.imports)
        plan, recorded = _planned(space, kind, record, writer, liveness, files)
        allotment = allot(space.resources)
        if kind == "sweep":
            fusing = _fusing(plan, allotment, recorded, writer, resumes=request.resumes)
            recorded = replace(recorded, machine={**recorded.machine, "cohort": vars(fusing)})
            plan = replace(plan, cohort=fusing.size, fused=frozenset(fusing.architectures))
        # Only now is nothing left that could refuse what was asked: without a record, no run is left behind.
        writer.record(
            replace(recorded, space=space.to_dict(), trials=space.budget.trials, minutes=space.budget.minutes)
        )
        drive = _study if kind == "study" else _sweep
        with open_desk(files) as desk:
            drive(plan, files, writer, liveness, allotment, desk)


def _planned(
    space: Space,
    kind: str,
    record: RunRecord | None,
    writer: RunWriter,
    liveness: Liveness,
    files: RunFiles,
) -> "tuple[Plan, RunRecord]":
    """Load the data and hold the space, and the record of a run that is resumed, against them."""
    from kdtune.data import load
    from kdtune.sweep.plan import make_plan
    from kdtune.sweep.run_record import record_of

    writer.run_state("preparing", f"data: {space.dataset.name}")
    dataset = load(space.dataset.name, **space.dataset.options)
    _heed(liveness)
    if record is not None and record.dataset["fingerprint"] != dataset.fingerprint:
        raise RunError(f"{files.root}: the data have changed since the run began: start a new run")
    plan = make_plan(space, dataset, _recorded_speeds(record))
    if record is None:
        plan = replace(plan, speeds=_measure_speeds(plan, writer))
        record = record_of(plan, files.root.name, kind)
        _heed(liveness)
    return plan, record


def _heed(liveness: Liveness) -> None:
    """End here, before anything is recorded, where a stop was asked for."""
    if liveness.stopping():
        raise SweepError("on request, before it began")


def _study(
    plan: "Plan", files: RunFiles, writer: RunWriter, liveness: Liveness, allotment: Allotment, desk: Any
) -> None:
    from kdtune.sweep.study.run import run_study

    run_study(plan, files, writer, allotment, desk, stopping=liveness.stopping)
    if liveness.stopping():
        writer.run_state("stopped", "on request")
    else:
        writer.run_state("finished", "")


def _sweep(
    plan: "Plan", files: RunFiles, writer: RunWriter, liveness: Liveness, allotment: Allotment, desk: Any
) -> None:
    import ray

    from kdtune.distill.arrays import Arrays
    from kdtune.sweep.baselines import make_baselines, references_of
    from kdtune.sweep.remote.teacher_server import TrainedTeacher, start_teachers
    from kdtune.sweep.remote.user_models import user_builders
    from kdtune.sweep.trials.checkpoints import say_room

    space = plan.space
    writer.run_state("preparing", say_room(plan, allotment.workers, files.root))
    builders = user_builders(name for pair in space.pairs for name in (pair.teacher, pair.student))
    arrays = ray.put(Arrays.of(plan.dataset))
    writer.run_state("preparing", "teachers and non-distilled students")
    baselines = make_baselines(
        plan, arrays, files, writer, allotment, builders, desk, stopping=liveness.stopping
    )
    teachers = {}
    for pair in space.pairs:
        trained = baselines[baseline_id("teacher", pair.teacher)]
        teachers[pair.teacher] = TrainedTeacher(trained.job, trained.weights)
    server = start_teachers(
        arrays, teachers, builders, allotment, view_seed=space.seed, augment=space.train_config().augment
    )
    try:
        # Only now: with them comes Ray Tune, and meanwhile the process with the teachers starts.
        from kdtune.sweep.remote.memory_guard import memory_limit
        from kdtune.sweep.remote.watchdog import usual_epoch, watchdog
        from kdtune.sweep.trials.optuna_study import open_study
        from kdtune.sweep.trials.trial_manager import Ledger
        from kdtune.sweep.tune.trainable import Shared

        ledger = Ledger(
            plan,
            files,
            writer,
            open_study(files.journal, plan.objectives),
            references_of(plan, baselines),
            stopping=liveness.stopping,
            deadline=None if space.budget.minutes is None else time.time() + 60 * space.budget.minutes,
        )
        machines = sum(bool(node["Alive"]) for node in ray.nodes())
        shared = Shared(
            arrays,
            server,
            builders,
            allotment.threads,
            plan.extras,
            plan.rungs,
            desk=desk,
            run=files.root.resolve(),
            owner=files.lock.read_text(encoding="utf-8"),
            memory=memory_limit(space.resources.memory_per_trial, -(-allotment.workers // machines)),
        )
        writer.run_state("running", f"{allotment.workers} trials at once")
        ready = server.views.remote()
        usual = partial(usual_epoch, writer.state)
        with watchdog(desk, usual, space.resources.stall_seconds, ready=ready):
            _run_trials(plan, ledger, shared, allotment)
        if ledger.broken is not None:
            raise ledger.broken
        ledger.interrupt_rest()
        ledger.settle()
        failed = [t for t in writer.state.trials.values() if t.state == "failed"]
        if liveness.stopping():
            writer.run_state("stopped", "on request")
        elif ledger.hopeless:
            raise SweepError(ledger.hopeless)
        elif failed and len(failed) == len(writer.state.trials):
            raise SweepError(f"all {len(failed)} trials failed; the first: {failed[0].message}")
        else:
            writer.run_state("finished", "")
    finally:
        ray.kill(server)


def _run_trials(plan: "Plan", ledger: Any, shared: Any, allotment: Allotment) -> None:
    """Let Tune run what the ledger proposes; Tune's own records go to a folder that is thrown away."""
    from ray import tune
    from ray.tune import CheckpointConfig, FailureConfig, RunConfig, TuneConfig, Tuner

    from kdtune.sweep.remote.worker_registry import last_words
    from kdtune.sweep.tune.scheduler import AskingScheduler
    from kdtune.sweep.tune.searcher import StudySearcher
    from kdtune.sweep.tune.stopper import StopWhen
    from kdtune.sweep.tune.trainable import CohortTrial

    scratch = tempfile.mkdtemp(prefix="kdtune-tune-")
    trainable = tune.with_resources(
        tune.with_parameters(CohortTrial, shared=shared), {"cpu": allotment.cpus, "gpu": allotment.gpus}
    )
    searcher = StudySearcher(
        ledger,
        workers=lambda: workers_now(allotment, plan.space.resources),
        why_lost=lambda numbers: last_words(shared.desk, numbers),
    )
    tuner = Tuner(
        trainable,
        tune_config=TuneConfig(
            search_alg=searcher,
            scheduler=AskingScheduler(searcher.goes_on),
            num_samples=-1,
            reuse_actors=True,
        ),
        run_config=RunConfig(
            name="sweep",
            storage_path=scratch,
            stop=StopWhen(ledger.should_stop),
            # Left to itself Tune saves each trial at its end, and fails where a machine does not see the driver's disk.
            checkpoint_config=CheckpointConfig(checkpoint_at_end=False),
            failure_config=FailureConfig(max_failures=0),  # the ledger runs again what failed
            verbose=0,
        ),
    )
    try:
        tuner.fit()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _resumed_space(record: RunRecord, request: Request) -> Space:
    space = parse_space(dict(record.space), str(request.files.record))
    budget = space.budget
    changes: dict[str, Any] = {}
    if request.trials is not None:
        changes["trials"] = request.trials
    if request.minutes is not None:
        changes["minutes"] = request.minutes
    return space.model_copy(update={"budget": budget.model_copy(update=changes)})


def _recorded_speeds(record: RunRecord | None) -> "dict[str, Speed]":
    from kdtune.sweep.plan import Speed

    if record is None:
        return {}
    try:
        return {name: Speed(**speed) for name, speed in record.machine["speeds"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"run.json: damaged: machine.speeds ({error!r})") from None


def _measure_speeds(plan: "Plan", writer: RunWriter) -> "Mapping[str, Speed]":
    from kdtune.sweep.calibration.precision import fastest

    if all(plan.space.train.get(key, "auto") != "auto" for key in ("precision", "channels_last")):
        return {}
    names = dict.fromkeys(name for pair in plan.space.pairs for name in (pair.teacher, pair.student))
    writer.run_state("preparing", "measuring how models run fastest")
    return {name: fastest(name, plan) for name in names}


def _fusing(
    plan: "Plan", allotment: Allotment, record: RunRecord, writer: RunWriter, *, resumes: bool
) -> "Fusing":
    """Return how cohorts are formed: for a run that is resumed, as it was begun."""
    from kdtune.sweep.calibration.cohort_size import Fusing, choose_fusing

    if resumes:
        kept = record.machine.get("cohort") or {}
        return Fusing(int(kept.get("size", 1)), tuple(kept.get("architectures", ())))
    writer.run_state("preparing", "measuring how students run fastest")
    return choose_fusing(plan, allotment.workers)
