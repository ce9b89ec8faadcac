"""Drives a sweep from a checked space to a finished run directory."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kdtune.errors import DiskError, KdtuneError, RunError, SweepError, is_disk_error
from kdtune.files import write_bytes
from kdtune.output import narrate
from kdtune.runs.lock import driver_lock
from kdtune.runs.paths import RunFiles, check_no_links
from kdtune.runs.predictions import digest_of, validation_file
from kdtune.runs.reader import open_run
from kdtune.runs.records import RunRecord
from kdtune.runs.writer import RunWriter
from kdtune.space.losses import losses_of
from kdtune.space.reading import Space, parse_space
from kdtune.sweep.liveness import Liveness, StopNow
from kdtune.sweep.remote.allotment import Allotment
from kdtune.sweep.remote.cluster import allot, allot_here, connected
from kdtune.trackers import check_installed
from kdtune.trackers.live import Follow, followed_by_trackers
from kdtune.user_code import check_named, import_modules

if TYPE_CHECKING:
    from kdtune.data.dataset import Dataset
    from kdtune.sweep.calibration.cohort_size import CohortChoice
    from kdtune.sweep.calibration.place import Place
    from kdtune.sweep.plan import Plan, Speed
    from kdtune.sweep.trials.known import Known


@dataclass(frozen=True)
class SweepRequest:
    """A sweep or study to drive, or to resume.

    Attributes:
        kind: `sweep` or `study`; if the run exists, its record decides.
        address: address of a running Ray cluster (host:port), or None to start Ray on this machine.
        imports: the user's modules that register data sets and models.
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
        with driver_lock(request.files), _alone(), followed_by_trackers(request.files) as follow:
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


def _interrupted(files: RunFiles) -> str:
    if not files.record.exists():
        return "stopped before it began: nothing is kept"
    return f"stopped; go on with: kdtune search --resume {files.argument}"


def _run(request: SweepRequest, liveness: Liveness, follow: Follow) -> None:
    writer = RunWriter(request.files)
    try:
        with liveness.watch():
            _drive(request, writer, liveness, follow)
    except StopNow:
        with contextlib.suppress(DiskError):
            for model in writer.state.trials.values():
                if model.state == "running":
                    writer.model_state(model.id, "interrupted")
            writer.run_state("stopped", "at once, on request")
    except DiskError as error:
        with contextlib.suppress(DiskError):  # there may be no room even for these few bytes
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


def _drive(request: SweepRequest, writer: RunWriter, liveness: Liveness, follow: Follow) -> None:
    files = request.files
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
    plan = _planned(space, record, writer, liveness, files)
    known = None
    if record is None:
        if request.known_from is not None:
            known = take_known(request.known_from, plan, partial(writer.run_state, "preparing"))
        check_files(plan, partial(writer.run_state, "preparing"))
    trials = space.budget.trials if kind == "sweep" else None
    if request.address is None:
        allot_here(space.resources, trials=trials)  # what this machine lacks is said before Ray starts
    writer.run_state("preparing", "starting Ray")

    def say(words: str) -> None:
        _heed(liveness)  # a start may be tried for minutes
        writer.run_state("preparing", words)

    with connected(request.address, say):
        liveness.listen()  # Ray's own handler would end the process at SIGTERM
        allotment = allot(space.resources, trials=trials)
        allotment, place = _settled(plan, allotment, request, trials, writer)
        plan, recorded = _calibrated(plan, allotment, kind, record, writer, files, place)
        _heed(liveness)
        # From here on nothing can refuse the request. A run that is refused must have no record.
        data = {**recorded.dataset, "validation_sha256": _keep_validation(plan, files)}
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
        _train(plan, allotment, files, writer, liveness, kind)


def _planned(
    space: Space, record: RunRecord | None, writer: RunWriter, liveness: Liveness, files: RunFiles
) -> "Plan":
    """Load the data and check the space, and the record of a resumed run, against them; Ray is not needed."""
    from kdtune.models.families.find import adopt
    from kdtune.sweep.plan import make_plan

    if record is not None:
        adopt(record.models)
    dataset = load_data(space, partial(writer.run_state, "preparing"))
    _heed(liveness)
    if record is not None and record.dataset["fingerprint"] != dataset.fingerprint:
        raise RunError(f"{files.root}: the data have changed since the run began: start a new run")
    plan = make_plan(space, dataset, _recorded_speeds(record))
    # What was recorded decides: an earlier kdtune may have had other bounds.
    return plan if record is None else replace(plan, constraints=record.constraints)


def load_data(space: Space, say: Callable[[str], object]) -> "Dataset":
    """Import the user's modules, check all names that a space uses, and load its data.

    Raises:
        InputError: a name is unknown, or the data can't be used.
    """
    from kdtune.data import load
    from kdtune.sweep.plan import check_names

    import_modules(space.imports)
    check_names(space)
    say(f"data: {space.dataset.name}")
    return load(space.dataset.name, **space.dataset.options)


def check_files(plan: "Plan", say: Callable[[str], None]) -> None:
    """Refuse models from files that do not know the data: seconds here save a sweep that learns from nonsense."""
    from kdtune.sweep.from_files import check_knows
    from kdtune.sweep.from_logits import check_logits

    for teacher in dict.fromkeys(pair.teacher for pair in plan.space.pairs):
        if (logits := plan.logits(teacher)) is not None:
            check_logits(plan.space, teacher, logits, plan.dataset, say)
    for role, architecture in plan.single:
        file = plan.file(role, architecture)
        if file is not None and file.lacks is None:  # a new classifier knows nothing yet
            check_knows(plan.space, role, plan.baseline_job(role, architecture), plan.dataset, say)


def _settled(
    plan: "Plan", allotment: Allotment, request: SweepRequest, trials: int | None, writer: RunWriter
) -> "tuple[Allotment, Place]":
    """Return the allotment, without GPUs if torch can't use them where trials run, and where to measure."""
    from kdtune.sweep.calibration.place import here
    from kdtune.sweep.remote.carried_code import UserCode
    from kdtune.sweep.remote.trial_place import TrialPlace, on_usable_gpus

    if not allotment.gpus and request.address is None:
        return allotment, here  # this is the machine
    user_code = UserCode.of(plan.space.architectures, plan.extras)
    say = partial(writer.run_state, "preparing")
    allotment = on_usable_gpus(allotment, plan.space.resources, user_code, say, trials=trials)
    return allotment, TrialPlace(allotment, user_code)


def _calibrated(
    plan: "Plan",
    allotment: Allotment,
    kind: str,
    record: RunRecord | None,
    writer: RunWriter,
    files: RunFiles,
    place: "Place",
) -> "tuple[Plan, RunRecord]":
    """Choose how models run fastest here and how cohorts are formed; a resumed run keeps its first choice."""
    from kdtune.sweep.run_record import record_of, with_versions_now

    begun = record is not None
    if record is None:
        plan = replace(plan, speeds=_measure_speeds(plan, writer, place))
        if allotment.gpus:
            plan = replace(plan, speeds=_measure_execution(plan, writer, place))
        elif plan.space.train.get("execution") == "graphs":
            writer.run_state("preparing", "train.execution: graphs takes a GPU: steps are eager")
        record = record_of(plan, files.name, kind)
    else:
        record, changes = with_versions_now(record)
        if changes:
            said = f"not the versions that the run had: {', '.join(changes)}: numbers may differ from what they were"
            writer.run_state("preparing", said)
    if kind == "sweep":
        choice = _cohort_choice(plan, allotment, record, writer, place, begun=begun)
        record = replace(record, machine={**record.machine, "cohort": vars(choice)})
        plan = replace(plan, cohort=choice.size, fused=frozenset(choice.architectures))
    return plan, record


def take_known(source: Path, plan: "Plan", say: Callable[[str], None]) -> "Known":
    """Return what the sampler is to know of another run's trials.

    Raises:
        InputError: they were made with other data or another protocol.
    """
    from kdtune.sweep.trials.known import known_of

    known = known_of(open_run(source), plan, digest_of(_validation(plan)))
    said = f"{len(known.trials)} trials of {known.run} are known to the sampler"
    if known.left_out:
        said += f"; {known.left_out} others are not of this search space, or lack a measure"
    say(said)
    return known


def _keep_validation(plan: "Plan", files: RunFiles) -> str:
    """Write the labels and groups of the validation examples, and return the file's SHA-256."""
    content = _validation(plan)
    write_bytes(files.validation, content, durable=True)
    return digest_of(content)


def _validation(plan: "Plan") -> bytes:
    split = plan.dataset.validation
    groups = {name: codes.numpy() for name, codes in split.groups.items()}
    return validation_file(split.labels.numpy(), groups)


def _heed(liveness: Liveness) -> None:
    """Raise SweepError, before anything is recorded, if a stop was asked for."""
    if liveness.stopping():
        raise SweepError("on request, before it began")


def _train(
    plan: "Plan",
    allotment: Allotment,
    files: RunFiles,
    writer: RunWriter,
    liveness: Liveness,
    kind: str,
) -> None:
    """Train everything that the plan asks for on the connected Ray."""
    import ray

    from kdtune.distill.arrays import Arrays
    from kdtune.sweep.recorded_models import RecordedModels
    from kdtune.sweep.remote.carried_code import UserCode
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
            UserCode.of(
                space.architectures,
                plan.extras,
                (name for searched in space.searches for name in losses_of(searched)),
            ),
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


def _recorded_speeds(record: RunRecord | None) -> "dict[str, Speed]":
    from kdtune.sweep.plan import Speed

    if record is None:
        return {}
    try:
        return {name: Speed(**speed) for name, speed in record.machine["speeds"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"run.json: damaged: machine.speeds ({error!r})") from None


def _measure_speeds(plan: "Plan", writer: RunWriter, place: "Place") -> "Mapping[str, Speed]":
    from kdtune.sweep.calibration.precision import fastest

    if all(plan.space.train.get(key, "auto") != "auto" for key in ("precision", "channels_last")):
        return {}
    writer.run_state("preparing", "measuring how models run fastest")
    return {name: fastest(name, plan, place) for name in plan.space.architectures}


def _measure_execution(plan: "Plan", writer: RunWriter, place: "Place") -> "Mapping[str, Speed]":
    """Return the plan's speeds with the way in which each model's steps are executed fastest on the GPU."""
    import ray

    from kdtune.sweep.calibration.execution import best_executions
    from kdtune.sweep.plan import Speed

    if plan.space.train.get("execution", "auto") != "auto":
        return plan.speeds
    writer.run_state("preparing", "measuring how steps are executed fastest")
    try:
        choices = best_executions(plan, place)
    except ray.exceptions.WorkerCrashedError:
        writer.run_state("preparing", "steps are eager: the process that measured others was lost")
        return plan.speeds
    speeds = dict(plan.speeds)
    for name, choice in choices.items():
        speeds[name] = replace(speeds.get(name, Speed()), execution=choice.execution)
        writer.run_state("preparing", f"steps of {name}: {choice.execution} ({choice.said})")
    return speeds


def _cohort_choice(
    plan: "Plan", allotment: Allotment, record: RunRecord, writer: RunWriter, place: "Place", *, begun: bool
) -> "CohortChoice":
    from kdtune.sweep.calibration.cohort_size import CohortChoice, choose_cohorts

    if begun:
        kept = record.machine.get("cohort") or {}
        return CohortChoice(int(kept.get("size", 1)), tuple(kept.get("architectures", ())))
    writer.run_state("preparing", "measuring how students run fastest")
    return choose_cohorts(plan, allotment.workers, place)
