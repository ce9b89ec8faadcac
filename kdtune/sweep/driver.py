"""Drives a sweep from a checked space to a finished run directory."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kdtune.errors import DiskError, KdtuneError, RunError, SweepError, is_disk_error
from kdtune.output import narrate
from kdtune.runs.lock import driver_lock
from kdtune.runs.paths import RunFiles, check_no_links
from kdtune.runs.records import NOT_RESUMED, RunRecord
from kdtune.runs.writer import RunWriter
from kdtune.space.losses import losses_of
from kdtune.space.reading import Space, parse_space
from kdtune.sweep.liveness import Liveness
from kdtune.sweep.machine import calibrated, recorded_speeds, settled
from kdtune.sweep.preparation import check_new, compare_versions, keep_validation, load_data
from kdtune.sweep.remote.allotment import Allotment
from kdtune.sweep.remote.cluster import allot, allot_here, connected, is_connected
from kdtune.sweep.remote.fork_server import server_ahead
from kdtune.torch_defaults import torch_defaults
from kdtune.trackers import check_installed
from kdtune.trackers.live import Follow, followed_by_trackers
from kdtune.user_code import check_named

if TYPE_CHECKING:
    from kdtune.sweep.plan import Plan
    from kdtune.sweep.remote.carried_code import UserCode


@dataclass(frozen=True)
class SweepRequest:
    """A sweep or study to drive, or to resume.

    Attributes:
        kind: `sweep` or `study`; if the run exists, its record decides.
        address: address of a running Ray cluster (host:port), or None to start Ray on this machine.
        imports: the user's modules that register data sets, models, losses or measures.
        trials, minutes: replace the budget of a run that is resumed.
        known_from: a run whose trials the sampler is to know; only of a run that begins.
        own_process: whether the process does nothing else, so that a second request to stop may end it.
    """

    files: RunFiles
    space: Space | None
    address: str | None = None
    imports: Sequence[str] = ()
    trials: int | None = None
    minutes: float | None = None
    kind: str = "sweep"
    known_from: Path | None = None
    own_process: bool = False

    @property
    def resumes(self) -> bool:
        """Whether the run already exists."""
        return self.space is None


_AT_WORK = threading.Lock()


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Let the sweeps of one process run one after the other: Ray Tune is not made for two threads."""
    if not _AT_WORK.acquire(blocking=False):
        narrate("another sweep runs in this process; this one begins when that has ended")
        _AT_WORK.acquire()
    try:
        yield
    finally:
        _AT_WORK.release()


def run_sweep(request: SweepRequest) -> None:
    """Drive a sweep to its end; everything is recorded in the run directory as it happens.

    Raises:
        InputError: something that was asked for can't be used; nothing was trained.
        SweepError: it could not go on; what was recorded is kept.
        DiskError: the run can't be written; what was recorded is kept.
        KeyboardInterrupt: in a process that is not ours, after the sweep has stopped because of one.
    """
    liveness = Liveness(request.files, own_process=request.own_process)
    try:
        request.files.root.mkdir(parents=True, exist_ok=True)
        check_no_links(request.files)
        with (
            driver_lock(request.files),
            _alone(),
            followed_by_trackers(request.files) as follow,
            _server_ahead(request),
        ):
            _run(request, liveness, follow)
    except DiskError:
        raise
    except OSError as error:
        if not is_disk_error(error):
            raise
        raise DiskError.of(error, error.filename or request.files.root) from error
    finally:
        if not request.own_process and signal.SIGTERM in liveness.signals:
            signal.raise_signal(signal.SIGTERM)  # what the process does about it is not ours to decide
    if not request.own_process and signal.SIGINT in liveness.signals:
        raise KeyboardInterrupt(_interrupted(request.files))


def _server_ahead(request: SweepRequest) -> contextlib.AbstractContextManager[None]:
    """Let the process from which workers are forked import torch while this one reads the data."""
    if request.own_process or request.address is not None or is_connected():
        return contextlib.nullcontext()  # that process has been forked already, or none will be asked for
    return server_ahead()


def _interrupted(files: RunFiles) -> str:
    if not files.record.exists():
        return "stopped before it began: nothing is kept"
    return f"stopped; go on with: {RunRecord.read(files.record).resuming(files.argument)}"


def _run(request: SweepRequest, liveness: Liveness, follow: Follow) -> None:
    writer = RunWriter(request.files)
    before = writer.state.state
    try:
        with liveness.watch():
            _drive(request, writer, liveness, follow)
    except KeyboardInterrupt:  # `StopNow`; where Ray waits for workers, it raises a plain one in its place
        with contextlib.suppress(DiskError):
            for model in writer.state.trials.values():
                if model.state == "running":
                    writer.model_state(model.id, "interrupted")
            writer.run_state("stopped", "at once, on request")
        if not liveness.stopping():
            raise
    except DiskError as error:
        with contextlib.suppress(DiskError):  # there may be no room even for these few bytes
            writer.run_state("failed", str(error))
        raise
    except KdtuneError as error:
        if liveness.stopping():
            writer.run_state("stopped", str(error))
            return
        if before in ("finished", "stopped") and writer.state.state in (before, "preparing"):
            writer.run_state(before, f"{NOT_RESUMED}{error}")  # what it found is as good as before
        else:
            writer.run_state("failed", str(error))
        raise
    except BaseException as error:
        with contextlib.suppress(DiskError):
            writer.run_state("failed", f"{type(error).__name__}: {error}")
        raise
    finally:
        writer.close()


def _drive(request: SweepRequest, writer: RunWriter, liveness: Liveness, follow: Follow) -> None:
    files = request.files

    def say(words: str) -> None:
        _heed(liveness)  # loading, measuring and Ray's start may each take minutes
        writer.run_state("preparing", words)

    record = RunRecord.read(files.record) if request.resumes else None
    space = request.space if record is None else _resumed_space(record, request)
    assert space is not None
    check_named(space.imports, request.imports, str(files.record) if request.resumes else "the search space")
    space = space.model_copy(update={"imports": list(dict.fromkeys([*space.imports, *request.imports]))})
    for name in space.log:
        check_installed(name)
    kind = request.kind if record is None else record.kind
    if kind == "study":
        space = space.as_study()
    known = None
    with torch_defaults(draws=True):
        plan = _planned(space, record, say, files)
        _heed(liveness)
        if record is None:
            known = check_new(plan, request.known_from, say, kind=kind)
        else:
            record = compare_versions(record, plan, files, say)
    trials = space.budget.trials if kind == "sweep" else None
    if request.address is None:
        allot_here(space.resources, trials=trials)  # what this machine lacks is said before Ray starts
    say("starting Ray")
    with connected(request.address, say, plan.libraries):
        liveness.listen()  # Ray's own handler would end the process at SIGTERM
        allotment = allot(space.resources, trials=trials)
        user_code = _user_code(plan)
        with torch_defaults(draws=True):
            local = request.address is None
            allotment, place = settled(plan, allotment, user_code, say, trials=trials, local=local)
            plan, recorded = calibrated(plan, allotment, record, say, place, name=files.name, kind=kind)
        _heed(liveness)
        # From here on nothing can refuse the request. A run that is refused must have no record.
        data = {**recorded.dataset, "validation_sha256": keep_validation(plan, files)}
        if known is not None:
            known.save(files.known)
            recorded = replace(recorded, known=known.record())
        budget = space.budget
        writer.record(
            replace(
                recorded, dataset=data, space=space.to_dict(), trials=budget.trials, minutes=budget.minutes
            )
        )
        follow(space.log)
        _train(plan, allotment, user_code, files, writer, liveness, kind)


def _planned(space: Space, record: RunRecord | None, say: Callable[[str], object], files: RunFiles) -> "Plan":
    """Load the data and check the space, and the record of a resumed run, against them; Ray is not needed."""
    from kdtune.models.families.find import adopt
    from kdtune.sweep.plan import make_plan

    if record is not None:
        adopt(record.models)
    dataset = load_data(space, say)
    if record is not None and record.dataset["fingerprint"] != dataset.fingerprint:
        raise RunError(f"{files.root}: the data have changed since the run began: start a new run")
    plan = make_plan(space, dataset, recorded_speeds(record))
    # What was recorded decides: an earlier kdtune may have had other bounds.
    return plan if record is None else replace(plan, constraints=record.constraints)


def _heed(liveness: Liveness) -> None:
    """Raise SweepError, before anything is recorded, if a stop was asked for."""
    if liveness.stopping():
        raise SweepError("on request, before it began")


def _user_code(plan: "Plan") -> "UserCode":
    """Return what workers need of what the user registered.

    Raises:
        InputError: something of it can't be sent to them.
    """
    from kdtune.sweep.remote.carried_code import UserCode

    losses = (name for searched in plan.space.searches for name in losses_of(searched))
    return UserCode.of(plan.space.architectures, plan.extras, losses)


def _train(
    plan: "Plan",
    allotment: Allotment,
    user_code: "UserCode",
    files: RunFiles,
    writer: RunWriter,
    liveness: Liveness,
    kind: str,
) -> None:
    """Train everything that the plan asks for on the connected Ray."""
    import ray

    from kdtune.distill.arrays import Arrays
    from kdtune.sweep.recorded_models import RecordedModels
    from kdtune.sweep.remote.tasks import TaskTrainer
    from kdtune.sweep.remote.worker_registry import open_registry
    from kdtune.sweep.search import run_search
    from kdtune.sweep.study.plan import study_models
    from kdtune.sweep.study.run import run_study

    space = plan.space
    with open_registry(files, files.at_work) as registry:
        trainer = TaskTrainer(
            ray.put(Arrays.of(plan.dataset)),
            allotment,
            user_code,
            plan.extras,
            space.resources,
            registry,
            liveness.stopping,
        )
        models = RecordedModels(plan, files, writer, trainer)
        ended = ""
        if kind == "study":
            run_study(plan, study_models(plan), models, trainer, writer)
        else:
            ended = run_search(plan, files, writer, models, trainer, registry)
    if liveness.stopping():
        writer.run_state("stopped", "on request")
    else:
        writer.run_state("finished", ended)


def _resumed_space(record: RunRecord, request: SweepRequest) -> Space:
    space = parse_space(dict(record.space), str(request.files.record))
    budget = space.budget
    changes: dict[str, Any] = {}
    if request.trials is not None:
        changes["trials"] = request.trials
    if request.minutes is not None:
        changes["minutes"] = request.minutes
    return space.model_copy(update={"budget": budget.model_copy(update=changes)})
